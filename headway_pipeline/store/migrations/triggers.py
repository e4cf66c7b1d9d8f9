"""The triggers that keep promise two: no quote is false.

Evidence is refused unless its quote is the named slice, by code points, of the named segment, and that segment is
not a known vendor's. A transcript with evidence keeps its segments. Slicing the stored JSON costs about 0.2 ms an
insert on a 25,000-word call, so segments need no table of their own.
"""

__all__ = ["POSTGRESQL", "SQLITE"]

_SQLITE_REFUSAL = """
  SELECT CASE
    WHEN segment IS NULL THEN RAISE(ABORT, 'evidence refused: there is no such segment')
    WHEN json_extract(segment, '$.side') = 'vendor' THEN RAISE(ABORT, 'evidence refused: a vendor said it')
    WHEN length(NEW.quote) <> NEW.char_end - NEW.char_start
      OR substr(json_extract(segment, '$.text'), NEW.char_start + 1, NEW.char_end - NEW.char_start) IS NOT NEW.quote
      THEN RAISE(ABORT, 'evidence refused: the quote is not the named slice of the segment')
  END
  FROM (
    SELECT (
      SELECT json_extract(segments, '$[' || NEW.segment_index || ']')
      FROM transcripts
      WHERE message_id = NEW.message_id AND workspace_id = NEW.workspace_id
    ) AS segment
  );
"""

SQLITE = (
    f"CREATE TRIGGER evidence_is_verbatim_insert BEFORE INSERT ON evidence BEGIN {_SQLITE_REFUSAL} END",
    f"CREATE TRIGGER evidence_is_verbatim_update BEFORE UPDATE ON evidence BEGIN {_SQLITE_REFUSAL} END",
    """
    CREATE TRIGGER transcript_replaced_under_evidence BEFORE INSERT ON transcripts
    WHEN EXISTS (SELECT 1 FROM evidence WHERE message_id = NEW.message_id)
    BEGIN
      SELECT RAISE(ABORT, 'evidence refused: evidence rests on this transcript, which cannot be replaced under it');
    END
    """,
    """
    CREATE TRIGGER transcript_under_evidence BEFORE UPDATE OF segments, message_id, workspace_id ON transcripts
    WHEN OLD.segments IS NOT NEW.segments
      AND EXISTS (SELECT 1 FROM evidence WHERE message_id = OLD.message_id)
    BEGIN
      SELECT RAISE(ABORT, 'evidence refused: evidence rests on this transcript, which cannot be changed under it');
    END
    """,
)

POSTGRESQL = (
    """
    CREATE FUNCTION evidence_is_verbatim() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      segment jsonb;
    BEGIN
      SELECT segments -> NEW.segment_index INTO segment
      FROM transcripts WHERE message_id = NEW.message_id AND workspace_id = NEW.workspace_id
      -- Nobody changes the words between this look and the commit.
      FOR SHARE;
      IF segment IS NULL THEN
        RAISE EXCEPTION 'evidence refused: there is no such segment';
      END IF;
      IF segment ->> 'side' = 'vendor' THEN
        RAISE EXCEPTION 'evidence refused: a vendor said it';
      END IF;
      IF char_length(NEW.quote) <> NEW.char_end - NEW.char_start
        OR substr(segment ->> 'text', NEW.char_start + 1, NEW.char_end - NEW.char_start) IS DISTINCT FROM NEW.quote
      THEN
        RAISE EXCEPTION 'evidence refused: the quote is not the named slice of the segment';
      END IF;
      RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER evidence_is_verbatim BEFORE INSERT OR UPDATE ON evidence
    FOR EACH ROW EXECUTE FUNCTION evidence_is_verbatim()
    """,
    """
    CREATE FUNCTION transcript_under_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF OLD.segments IS DISTINCT FROM NEW.segments
        AND EXISTS (SELECT 1 FROM evidence WHERE message_id = OLD.message_id)
      THEN
        RAISE EXCEPTION 'evidence refused: evidence rests on this transcript, which cannot be changed under it';
      END IF;
      RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER transcript_under_evidence BEFORE UPDATE ON transcripts
    FOR EACH ROW EXECUTE FUNCTION transcript_under_evidence()
    """,
)
