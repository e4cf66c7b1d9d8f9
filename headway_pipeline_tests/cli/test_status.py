"""`headway status`: what a person is shown of where every call stands."""

import json
import re

from headway_pipeline.model.ledger import Reason, ReasonCode
from headway_pipeline_tests.cli.conftest import Headway
from headway_pipeline_tests.store.rows import NOW, call, lease, place
from headway_pipeline_tests.worlds import Installation, sandbox_call, world

#: Each call has words of its own, as an analyst gives them; the last ones share theirs.
WORDS = [*(f"nobody says {word}" for word in ("parts", "maps", "stock", "jobs", "logins")), *["nobody says much"] * 2]


def holds_calls_left_out_for_many_reasons(installation: Installation) -> None:
    """Of the workspace globex: seven calls that wait for one reason in six wordings."""
    store = installation.store
    at = place(store, "Globex")
    with lease(store, at) as held:
        for number, words in enumerate(WORDS):
            (listed,) = store.listings.record_page(held, at.connector.id, [call(f"c{number}")], NOW)
            store.messages.wait(held, [listed.message_id], Reason(ReasonCode.LIMIT, words))


def test_reasons_are_counted_and_a_few_of_their_wordings_shown(headway: Headway, installation: Installation) -> None:
    holds_calls_left_out_for_many_reasons(installation)
    said = headway("status", "--workspace-id", "globex")
    assert re.search(
        r"^gong +listed +7 +limit +nobody says much *\n {20,}nobody says jobs *$", said.out, re.MULTILINE
    )
    assert said.out.count("nobody says") == 3
    counted = json.loads(headway("status", "--workspace-id", "globex", "--format", "json").out)["reasons"]
    examples = ["nobody says much", "nobody says jobs", "nobody says logins"]
    expected = {"source": "gong", "state": "listed", "reason": "limit", "calls": 7, "examples": examples}
    assert counted == [expected]


def test_the_calls_behind_a_reason_are_found_as_the_status_says(headway: Headway, installation: Installation) -> None:
    holds_calls_left_out_for_many_reasons(installation)
    (suggested,) = re.findall(r"^which calls: headway (.+)$", headway("status", "--workspace-id", "globex").err, re.M)
    shown = headway(*suggested.split(), "--format", "json")
    assert len(json.loads(shown.out)) == 7


def test_a_day_that_has_nothing_rare_has_no_columns_for_it(headway: Headway, installation: Installation) -> None:
    headway("ingest", "--workspace-id", "acme", "--days-back", "4")
    asked = ("status", "--workspace-id", "acme", "--days", "4")
    (head,) = re.findall(r"^day .*$", headway(*asked).out, re.M)
    assert re.split(" {2,}", head.strip())[2:] == [
        "listed",
        "held",
        "difference",
        "waiting",
        "done",
        "listed at",
        "error",
    ]
    whole = headway(*asked, "--format", "csv").out.splitlines()[0]
    assert ",private,forbidden,set aside,deleted,missing,elsewhere,outside,listed at," in whole
    installation.sandbox.world = world(*(sandbox_call(number, days_ago=number) for number in (1, 2)))
    headway("ingest", "--workspace-id", "acme", "--days-back", "4")
    assert " done  deleted  listed at" in headway(*asked).out


def test_sums_say_how_many_calls_there_are_and_that_no_model_was_asked(
    headway: Headway, installation: Installation
) -> None:
    headway("ingest", "--workspace-id", "acme", "--days-back", "4")
    said = headway("status", "--workspace-id", "acme")
    assert "no language model was asked\n" in said.err
    assert re.search(r"3 calls, the newest of \d{4}-.+; all times are UTC\n", said.err)
    newest = json.loads(headway("status", "--workspace-id", "acme", "--format", "json").out)["lag"]["newest_call_at"]
    # The form that every other answer has.
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT10:\d\d:00\+00:00", newest)
