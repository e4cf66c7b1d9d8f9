"""Transcripts in a folder or an archive of this machine: what Zoom, Teams, Google Meet and others export.

Read: WebVTT (.vtt), SRT (.srt), lines of `Name: text` (.txt) and the JSON form of `docs/files.md` (.json: a call or a
list of calls; .jsonl: one a line). A file `talk.vtt.json` beside `talk.vtt` tells what the transcript does not. Other
files are passed over: exports hold recordings, too.

A call's id is the path of its file within the folder (and its own id, where a file holds several), so that an edited
file is the same call. When it started is told by its JSON, else by a date in the name of the file or of a folder
around it (Zoom's `GMT20261120-150000`, ISO dates; without a zone, UTC), else by when the file was last changed.

Files come from anywhere. What is too long, binary, damaged or leads out of the folder is a bad record with its
problem; it never stops the others. Nothing is unpacked to disk, and no link is followed.
"""

from headway_pipeline.sources.files.source import FilesSource

__all__ = ["FilesSource"]
