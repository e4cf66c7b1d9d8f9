from headway_pipeline.model.calls import Participant, Side
from headway_pipeline.sources.people import account_by_mail, mail_domain, writes_from


def customer(email: str | None) -> Participant:
    return Participant("Somebody", email, Side.CUSTOMER)


def test_the_domain_is_what_stands_behind_the_last_at() -> None:
    assert mail_domain("Ada@Brackwater.Example") == "brackwater.example"
    assert mail_domain("no address") == ""
    assert mail_domain(None) == ""


def test_a_part_of_a_domain_belongs_to_it_and_a_look_alike_does_not() -> None:
    own = {"larkspur.example"}
    assert writes_from("a@larkspur.example", own)
    assert writes_from("a@eu.LARKSPUR.example", own)
    assert not writes_from("a@notlarkspur.example", own)
    assert not writes_from(None, own)


def test_the_account_is_where_most_customers_write_from() -> None:
    people = [customer("a@one.example"), customer("b@two.example"), customer("c@two.example")]
    vendors = [Participant("V", f"{name}@larkspur.example", Side.VENDOR) for name in "abcd"]
    assert account_by_mail([*people, *vendors]) == "two.example"


def test_the_first_named_of_equal_accounts_wins() -> None:
    assert account_by_mail([customer("a@one.example"), customer("b@two.example")]) == "one.example"


def test_a_mailbox_provider_is_nobodys_company() -> None:
    assert account_by_mail([customer("a@gmail.com"), customer(None), customer("b@two.example")]) == "two.example"
    assert account_by_mail([customer("a@gmail.com"), customer(None)]) is None
