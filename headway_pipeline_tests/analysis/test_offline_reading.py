import pytest

from headway_pipeline.analysis.contract import Candidate, Quote
from headway_pipeline.analysis.extraction import extract
from headway_pipeline.analysis.offline import OfflineAnalyst
from headway_pipeline.model.features import FeatureType, Origin, Sentiment, Urgency
from headway_pipeline_tests.analysis.speech import call

REQUEST, BUG, PAIN = FeatureType.FEATURE_REQUEST, FeatureType.BUG_REPORT, FeatureType.PAIN_POINT


def read(*said: str) -> tuple[Candidate, ...]:
    return OfflineAnalyst().extract(call(*said)).candidates


def types(said: str) -> list[FeatureType]:
    return [found.type for found in read(f"C: {said}")]


@pytest.mark.parametrize(
    "said",
    [
        "It would be great if the planner could repeat a shift every week.",
        "Is there a way to hide closed orders from the list?",
        "Can you add a field for the purchase number?",
        "We need a proper archive before the summer.",
        "I wish there was a darker theme for the night shift.",
        "We'd love to see the totals on the first page.",
        "Could you please make the buttons bigger on tablets?",
        "The app should let us merge two customers into one.",
        "The only thing missing is a print view.",
        "Why can't I sort the table by weight?",
        "um so yeah it would be really helpful if you guys could like add a map view",
        "Sería genial si pudiéramos exportar las facturas.",
        "Nos gustaría tener un calendario compartido.",
    ],
)
def test_what_customers_ask_for_is_a_feature_request(said: str) -> None:
    assert types(said) == [REQUEST]


@pytest.mark.parametrize(
    "said",
    [
        "The upload doesn't work with large photos.",
        "It crashes whenever I open the second tab.",
        "The page throws an exception after the login.",
        "The service returns a 500 about once an hour.",
        "We lost all our drafts last night.",
        "I keep getting an error message from the printer page.",
        "The totals don't match the invoices.",
        "After the last update the search is broken.",
        "Entries just disappear from the calendar.",
        "the screen freezes and then it dont load anything",
        "La pantalla se queda blanca y no carga nada.",
        "La aplicación se cierra sola cada mañana.",
    ],
)
def test_what_customers_report_broken_is_a_bug_report(said: str) -> None:
    assert types(said) == [BUG]


@pytest.mark.parametrize(
    "said",
    [
        "It takes us three hours every Friday to collect the numbers.",
        "Honestly the permissions page is confusing for new people.",
        "We have to type every address in by hand.",
        "The workaround we have is a big spreadsheet.",
        "Our drivers are struggling with the small fonts.",
        "Setting up a new depot is really tedious.",
        "It is frustrating to click through seven screens.",
        "Nos lleva mucho tiempo revisar los pedidos.",
    ],
)
def test_what_customers_suffer_from_is_a_pain_point(said: str) -> None:
    assert types(said) == [PAIN]


@pytest.mark.parametrize(
    "said",
    [
        "We haven't had any crashes since the spring.",
        "We don't need a dark theme for that.",
        "The import used to crash but that's fixed now.",
        "The search was broken. That's been fixed, thank you.",
        "I really love how fast the search is.",
        "No complaints about the new layout from our side.",
        "Can you hear me, I think my microphone is off?",
        "I'd love to hear about your trip to the coast.",
        "Let me share my screen so that you can see it.",
        "We need to jump to another meeting in five minutes.",
        "Does it crash if I upload two files at once?",
        "If it crashes we would just call your support.",
        "Our old provider had outages when we were with them.",
        "We open the planner in the morning and close it at night.",
        "Thanks so much, have a great weekend everybody.",
    ],
)
def test_what_only_sounds_like_feedback_is_none(said: str) -> None:
    assert types(said) == []


def test_a_complaint_too_short_to_be_evidence_is_quoted_with_its_neighbour() -> None:
    extraction = extract(OfflineAnalyst(), call("C: It crashes. Every morning, on all of the tablets."))
    assert [span.quote for found in extraction.items for span in found.evidence] == [
        "It crashes. Every morning, on all of the tablets"
    ]
    (found,) = read("C: It crashes.")
    assert found.quotes == (Quote(0, "It crashes."),), "all that was said in a turn is evidence, however short"
    assert read("C: Crashes.") == ()


def test_a_vendors_words_are_never_read() -> None:
    assert read("V: It would be great if you could send us the file, our importer crashes.") == ()


def test_speakers_of_unknown_side_are_read() -> None:
    assert len(read("U: It would be great if we could print the list.")) == 1


def test_an_answer_to_a_proposal_is_elicited_and_later_words_are_not() -> None:
    first, second = read(
        "V: Would it help if we sent the report by mail?",
        "C: Yes, that would be really great for us. Well. Fine. Also the printer page crashes all the time.",
    )
    assert (first.type, first.origin) == (REQUEST, Origin.ELICITED)
    assert (second.type, second.origin) == (BUG, Origin.VOLUNTEERED)


def test_an_answer_that_only_agrees_is_titled_by_what_was_proposed() -> None:
    (found,) = read("V: Would it help if we sent the report by mail?", "C: Yes, that would be really great for us.")
    assert found.title == "We sent the report by mail"
    assert found.quotes[0].text == "Yes, that would be really great for us."


def test_an_answer_to_an_open_question_is_volunteered() -> None:
    (found,) = read("V: What annoys you the most?", "C: The search crashes whenever I type a name.")
    assert found.origin is Origin.VOLUNTEERED


@pytest.mark.parametrize(
    ("said", "title"),
    [
        (
            "Um, so yeah, it would be great if we could export the roster to a spreadsheet.",
            "Export the roster to a spreadsheet",
        ),
        ("Is there a way to hide closed orders, because the list is endless?", "Hide closed orders"),
        ("So, you know, the the upload crashes, uh, with large photos.", "The upload crashes with large photos"),
        ("And um honestly it's a nightmare to find an old order.", "It's a nightmare to find an old order"),
    ],
)
def test_titles_are_trimmed_clauses(said: str, title: str) -> None:
    assert [found.title for found in read(f"C: {said}")] == [title]


def test_a_long_title_is_cut_between_words_and_says_so() -> None:
    (found,) = read(
        "C: The upload crashes with photographs that somebody took on the outdoor tablets of the northern "
        "distribution warehouses yesterday."
    )
    assert len(found.title) <= 90
    assert found.title.endswith("…")
    assert found.title[:-1] in found.quotes[0].text


@pytest.mark.parametrize(
    ("said", "urgency", "reason"),
    [
        ("We are blocked because the importer crashes on our files.", Urgency.CRITICAL, "We are blocked"),
        ("The importer crashes. Our renewal is in March.", Urgency.HIGH, "Our renewal is in March"),
        ("Can you add a map view before the audit?", Urgency.HIGH, "Can you add a map view before the audit"),
        ("The map page crashes now and then, no rush.", Urgency.LOW, "The map page crashes now and then, no rush"),
        ("The importer crashes with large files.", Urgency.MEDIUM, ""),
        ("Can you add a map view to the planner?", Urgency.LOW, ""),
    ],
)
def test_urgency_rests_on_what_was_stated(said: str, urgency: Urgency, reason: str) -> None:
    (found,) = read(f"C: {said}")
    assert found.urgency is urgency
    assert found.urgency_reason.startswith(reason) if reason else found.urgency_reason == ""


def test_the_reason_of_one_item_is_not_given_to_another() -> None:
    bug, request = read("C: The map page crashes with large files. We need offline maps before the audit.")
    assert (bug.urgency_reason, request.urgency) == ("", Urgency.HIGH)


def test_words_that_go_on_about_the_same_thing_are_further_evidence() -> None:
    (found,) = read("C: Planning a route is painful. It takes us four hours every week.")
    assert len(found.quotes) == 2
    assert found.urgency is Urgency.HIGH


def test_the_words_that_gave_an_item_its_title_are_its_first_quote() -> None:
    chat = [f"C: Our warehouse number {number} has had a quiet week so far." for number in range(12)]
    (found,) = read(*chat, "C: We really need offline maps in the app before the audit.")
    assert found.quotes[0].text == "We really need offline maps in the app before the audit."
    assert len(found.quotes) > 1, "what was said before it is among the others"


def test_the_same_request_made_twice_is_one_item_with_two_quotes() -> None:
    (found,) = read("C: We need offline maps in the app.", "V: I see.", "C: Again, we need offline maps in the app.")
    assert [quote.segment_index for quote in found.quotes] == [0, 2]


def test_tone_is_told_by_words_and_turned_by_negation() -> None:
    (bad,) = read("C: The search is terribly broken and the planner crashes.")
    (fair,) = read("C: The planner is not bad, is there a way to print it?")
    assert bad.sentiment is Sentiment.NEGATIVE
    assert fair.sentiment_score > 0 > bad.sentiment_score


def test_a_call_of_praise_and_complaint_is_mixed() -> None:
    reading = OfflineAnalyst().extract(
        call("C: The planner is amazing, we love it. The search is terrible, we hate it. The maps are great.")
    )
    assert reading.sentiment is Sentiment.MIXED


def test_a_surer_phrase_gives_more_confidence() -> None:
    (plain,) = read("C: The importer fails with older files.")
    (sure,) = read("C: The importer crashes and returns an error every time.")
    assert 0.5 <= plain.confidence < sure.confidence <= 0.95


def test_everything_read_is_grounded() -> None:
    extraction = extract(
        OfflineAnalyst(),
        call(
            "V: What annoys you the most?",
            "C: The search crashes whenever I type a name. It would be great if we could export the roster.",
            "U: And honestly, planning a route is painful for everybody.",
        ),
    )
    assert len(extraction.items) == 3
    assert extraction.refused == ()
