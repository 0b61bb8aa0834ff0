"""What receivers get: each change once, in order, whatever goes wrong on the way."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from sqlalchemy import Engine, select

from ml.alerts import delivery
from ml.alerts.acknowledging import acknowledge_warning, call_drill, mute, send_again
from ml.alerts.channels.sending import NotDelivered
from ml.alerts.channels.settings import Channel
from ml.alerts.delivery import Sent, deliver
from ml.alerts.evaluation import Evaluation, evaluate_run
from ml.alerts.rules import Rules
from ml.alerts.sms import fits
from ml.alerts.texts import Message
from ml.database.warning_tables import deliveries, warning_events
from tests.ml.alerts.made_runs import HOOK_SECRET, NOW, MadeRun, forecast, made_rules, made_run, one_hook
from tests.ml.alerts.receivers import Clock, Mailbox, Receiver, mailing, self_signed

A_WEEK = dt.timedelta(days=7)


def quiet(line: str) -> None:
    """Nobody listens."""


def read(engine: Engine, rules: Rules, run: MadeRun, now: dt.datetime = NOW, **other: Any) -> Evaluation:
    return evaluate_run(engine, rules, run, run.forecasts(), now=now, say=quiet, **other)


def send(engine: Engine, rules: Rules, now: dt.datetime = NOW, who: str = "one", **other: Any) -> Sent:
    return deliver(engine, rules, clock=Clock(now), who=who, say=quiet, **other)


def states(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.scalars(select(deliveries.c.state)))


def test_a_life_of_a_warning_arrives_once_and_in_order(engine: Engine, receiver: Receiver) -> None:
    rules = made_rules(one_hook(receiver.url()))
    read(engine, rules, made_run(forecast(probability=0.45)))
    send(engine, rules)
    risen = made_run(forecast(probability=0.7), week=1)
    for _ in range(3):
        read(engine, rules, risen, NOW + A_WEEK)
        send(engine, rules, NOW + A_WEEK)
    warning = receiver.bodies()[0]["data"]["warning_id"]
    for _ in range(2):
        acknowledge_warning(engine, rules, warning, by="duty", now=NOW + A_WEEK)
        send(engine, rules, NOW + A_WEEK)
    read(engine, rules, made_run(forecast(probability=0.1), week=2), NOW + 2 * A_WEEK)
    send(engine, rules, NOW + 2 * A_WEEK)
    assert receiver.kinds() == ["warning.raised", "warning.updated", "warning.acknowledged", "warning.cleared"]
    assert len(receiver.came) == 4
    assert [body["data"]["number"] for body in receiver.bodies()] == [1, 2, 3, 4]


def test_a_failing_receiver_gets_it_later_and_one_that_stays_so_is_given_up(engine: Engine, receiver: Receiver) -> None:
    rules = made_rules("retries = {attempts = 3}\n" + one_hook(receiver.url()))
    receiver.moods = [500, 503]
    read(engine, rules, made_run(forecast()))
    assert send(engine, rules).failed == 1
    # Nothing is due before the wait is over.
    assert send(engine, rules, NOW + dt.timedelta(seconds=20)) == Sent()
    assert send(engine, rules, NOW + dt.timedelta(minutes=2)).failed == 1
    assert send(engine, rules, NOW + dt.timedelta(minutes=9)).sent == 1
    receiver.moods = [500, 500, 500]
    read(engine, rules, made_run(forecast(probability=0.1), week=1), NOW + A_WEEK)
    found = [send(engine, rules, NOW + A_WEEK + dt.timedelta(hours=hours)) for hours in range(3)]
    assert [each.dead for each in found] == [0, 0, 1]
    assert states(engine) == ["dead", "sent"]
    assert send_again(engine, None, dead=True, now=NOW + 2 * A_WEEK) == 1
    assert send(engine, rules, NOW + 2 * A_WEEK).sent == 1
    assert receiver.kinds() == ["warning.raised", "warning.cleared"]


@pytest.mark.parametrize(("status", "is_dead"), [(404, True), (302, True), (410, True), (429, False), (408, False)])
def test_only_what_may_pass_is_tried_again(engine: Engine, receiver: Receiver, status: int, is_dead: bool) -> None:
    rules = made_rules(one_hook(receiver.url()))
    receiver.moods = [status]
    read(engine, rules, made_run(forecast()))
    found = send(engine, rules)
    assert (found.dead, found.failed) == (int(is_dead), int(not is_dead))
    # 429 asked for two hours, more than the back-off would wait.
    assert send(engine, rules, NOW + dt.timedelta(minutes=61)).sent == int(status == 408)


def test_an_answer_that_never_comes_is_a_time_out_and_the_message_is_not_doubled(
    engine: Engine, receiver: Receiver
) -> None:
    rules = made_rules("retries = {time_out_seconds = 0.2}\n" + one_hook(receiver.url()))
    receiver.moods = [None]
    read(engine, rules, made_run(forecast()))
    assert send(engine, rules).failed == 1
    assert send(engine, rules, NOW + dt.timedelta(minutes=2)).sent == 1
    assert len(receiver.came) == 2
    assert receiver.kinds() == ["warning.raised"]


def test_a_receiver_that_hangs_is_left_out_of_the_call_and_does_not_delay_the_others(
    engine: Engine, receiver: Receiver
) -> None:
    rules = made_rules(one_hook(receiver.url()))
    read(engine, rules, made_run(forecast(), forecast("nickel", "IDN"), forecast("tin", "MMR")))
    tried: list[str] = []

    def hanging(channel: Channel, message: Message, now: dt.datetime, time_out: float) -> None:
        tried.append(message.facts["mineral"])
        raise NotDelivered("no answer within 20 s", is_time_out=True)

    assert send(engine, rules, sender=hanging) == Sent(failed=1)
    assert len(tried) == 1
    # The others wait for the next call without having used an attempt.
    assert send(engine, rules, NOW + dt.timedelta(minutes=5)).sent == 3


def test_who_is_killed_between_sending_and_noting_it_leaves_one_message(engine: Engine, receiver: Receiver) -> None:
    rules = made_rules(one_hook(receiver.url()))
    read(engine, rules, made_run(forecast()))

    def killed(channel: Channel, message: Message, now: dt.datetime, time_out: float) -> None:
        delivery.send(channel, message, now, time_out)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send(engine, rules, sender=killed)
    # The lease holds: nobody else sends it meanwhile.
    assert send(engine, rules, NOW + dt.timedelta(minutes=4), who="two") == Sent()
    assert send(engine, rules, NOW + dt.timedelta(minutes=6), who="two").sent == 1
    assert len(receiver.came) == 2
    assert receiver.kinds() == ["warning.raised"]


def test_a_message_that_cannot_be_made_does_not_stop_the_others(engine: Engine, receiver: Receiver) -> None:
    rules = made_rules(one_hook(receiver.url()))
    read(engine, rules, made_run(forecast(), forecast("nickel", "IDN")))

    def broken(channel: Channel, message: Message, now: dt.datetime, time_out: float) -> None:
        if message.facts["mineral"] == "cobalt":
            raise ZeroDivisionError("secret detail")
        delivery.send(channel, message, now, time_out)

    found = send(engine, rules, sender=broken)
    assert (found.sent, found.failed) == (1, 1)
    with engine.connect() as connection:
        assert set(connection.scalars(select(deliveries.c.last_error))) == {"ZeroDivisionError", None}


def test_several_processes_send_each_message_once(engine: Engine, receiver: Receiver) -> None:
    rules = made_rules("budget = 40\n" + one_hook(receiver.url()))
    suppliers = ("COD", "CHN", "CHL", "AUS", "IDN", "PHL", "RUS", "USA")
    read(engine, rules, made_run(*(forecast(supplier=each) for each in suppliers)))
    _side_by_side(engine, rules)
    assert len(receiver.came) == len(receiver.accepted) == len(suppliers)


def test_several_processes_send_each_message_once_from_a_server(server_engine: Engine, receiver: Receiver) -> None:
    rules = made_rules("budget = 40\n" + one_hook(receiver.url()))
    suppliers = ("COD", "CHN", "CHL", "AUS", "IDN", "PHL", "RUS", "USA")
    run = made_run(*(forecast(supplier=each) for each in suppliers))
    readers = [threading.Thread(target=read, args=(server_engine, rules, run)) for _ in range(3)]
    for each in readers:
        each.start()
    for each in readers:
        each.join()
    _side_by_side(server_engine, rules)
    assert len(receiver.came) == len(receiver.accepted) == len(suppliers)
    warning = receiver.bodies()[0]["data"]["warning_id"]
    outcomes = [acknowledge_warning(server_engine, rules, warning, by=name, now=NOW)["outcome"] for name in "ab"]
    assert outcomes == ["acknowledged", "already"]


def _side_by_side(engine: Engine, rules: Rules) -> None:
    threads = [threading.Thread(target=send, args=(engine, rules, NOW, f"process {n}")) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def test_a_storm_becomes_a_digest(engine: Engine, receiver: Receiver, mailbox: Mailbox) -> None:
    rules = made_rules(
        f"""
        [[groups]]
        id = "desk"
        channels = [
            {{id = "mail", kind = "email", url = "mailto://127.0.0.1:{mailbox.port}?from=o@example.org&to=d@example.org&mode=insecure"}},
            {{id = "sms", kind = "sms_gateway", url = "{receiver.url("/sms")}", to = "+886900000000"}},
        ]
        [plans]
        severe = [{{groups = ["desk"]}}]
        elevated = [{{groups = ["desk"]}}]
        """
    )
    letters = "ABCDEFGHIJKLMNOPQ"
    codes = [a + b + c for a in letters for b in letters for c in letters + "RST"][:5000]
    found = read(engine, rules, made_run(*(forecast(supplier=code) for code in codes)))
    assert found.count("raised") == 5000
    assert found.queued == 2 * 11
    assert send(engine, rules).sent == 22
    assert len(receiver.came) == len(mailbox.mails) == 11
    shorts = [body["text"] for body in receiver.bodies()]
    digest = next(text for text in shorts if text.startswith("Digest"))
    assert "4990 more warnings" in digest
    assert all(fits(text) for text in shorts)
    long = [_text(content) for _, content in mailbox.mails]
    assert sum("4990 more change" in text and "and 4970 more" in text for text in long) == 1
    # A second storm in the week is a digest altogether.
    again = read(engine, rules, made_run(*(forecast("nickel", code) for code in codes[:50]), name="later"))
    assert again.queued == 2


def _text(content: bytes) -> str:
    message = email.message_from_bytes(content, policy=email.policy.default)
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_mail_that_is_refused_is_tried_again_and_arrives_with_its_key(engine: Engine, mailbox: Mailbox) -> None:
    url = f"mailto://127.0.0.1:{mailbox.port}?from=o@example.org&to=d@example.org&mode=insecure"
    rules = made_rules(
        f"""
        [[groups]]
        id = "desk"
        language = "zh-Hant"
        channels = [{{id = "mail", kind = "email", url = "{url}"}}]
        [plans]
        severe = [{{groups = ["desk"]}}]
        """
    )
    mailbox.moods = ["451 try later"]
    read(engine, rules, made_run(forecast()))
    assert send(engine, rules).failed == 1
    assert send(engine, rules, NOW + dt.timedelta(minutes=2)).sent == 1
    ((recipients, content),) = mailbox.mails
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert recipients == ["d@example.org"]
    assert len(message["X-Oresight-Key"]) == 32
    assert "剛果民主共和國" in message["Subject"]
    assert "60\u00a0%,區間" in _text(content)


def test_a_mail_server_whose_certificate_nobody_vouches_for_gets_nothing(engine: Engine, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with mailing(tls) as mailbox:
        text = f"""
            [[groups]]
            id = "desk"
            [[groups.channels]]
            id = "mail"
            kind = "email"
            url = "mailtos://localhost:{mailbox.port}?smtp=localhost&from=o@example.org&to=d@example.org&mode=starttls"
            [plans]
            severe = [{{groups = ["desk"]}}]
            """
        rules = made_rules(text)
        read(engine, rules, made_run(forecast()))
        assert send(engine, rules).failed == 1
        assert mailbox.mails == []
    with engine.connect() as connection:
        assert "CERTIFICATE" in (connection.scalar(select(deliveries.c.last_error)) or "").upper()


def test_who_read_the_former_message_has_not_read_the_graver_one(engine: Engine, receiver: Receiver) -> None:
    plans = "severe = [{groups = ['desk']}]\nelevated = [{groups = ['desk']}]"
    rules = made_rules(one_hook(receiver.url(), plans=plans))
    for week, probability in enumerate((0.45, 0.7)):
        read(engine, rules, made_run(forecast(probability=probability), week=week), NOW + week * A_WEEK)
    send(engine, rules, NOW + A_WEEK)
    name = receiver.bodies()[0]["data"]["warning_id"]
    for _ in range(2):
        late = acknowledge_warning(engine, rules, f"{name}/1", by="night shift", now=NOW + A_WEEK)
        assert (late["outcome"], late["state"]) == ("superseded", "updated")
    assert (
        acknowledge_warning(engine, rules, f"{name}-2", by="day shift", now=NOW + A_WEEK)["outcome"] == "acknowledged"
    )
    read(engine, rules, made_run(forecast(probability=0.1), week=2), NOW + 2 * A_WEEK)
    assert acknowledge_warning(engine, rules, name, by="day shift", now=NOW + 2 * A_WEEK)["outcome"] == "cleared"
    send(engine, rules, NOW + 2 * A_WEEK)
    assert receiver.kinds() == ["warning.raised", "warning.updated", "warning.acknowledged", "warning.cleared"]
    with engine.connect() as connection:
        told = connection.execute(select(warning_events.c.event_id, warning_events.c.told)).all()
    # What came too late is on record, and told to nobody.
    assert {each for each, how in told if how == "quiet"} == {f"{name}/1+ack", f"{name}/4+ack"}


def test_the_signature_is_one_that_receivers_verify(engine: Engine, receiver: Receiver) -> None:
    rules = made_rules(one_hook(receiver.url()))
    now = dt.datetime.now(dt.UTC)
    read(engine, rules, made_run(forecast()), now)
    send(engine, rules, now)
    ((_, headers, body),) = receiver.came
    verifier = standardwebhooks.Webhook(HOOK_SECRET)
    assert verifier.verify(body, headers)["data"]["mineral"] == "cobalt"
    for changed in (body.replace(b"cobalt", b"copper"),):
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            verifier.verify(changed, headers)
    # An old one, sent again by somebody who heard it, is refused.
    stale = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verifier.verify(body, stale)


def test_who_has_not_acknowledged_is_escalated_and_who_has_is_not(engine: Engine, receiver: Receiver) -> None:
    hooks = "".join(
        f'[[groups]]\nid = "{name}"\nchannels = [{{id = "hook", kind = "webhook", url = "{receiver.url("/" + name)}", '
        f'secret = "{HOOK_SECRET}"}}]\n'
        for name in ("desk", "head")
    )
    rules = made_rules(f'{hooks}[plans]\nsevere = [{{groups = ["desk"]}}, {{groups = ["head"], after_minutes = 60}}]')
    read(engine, rules, made_run(forecast(), forecast("nickel", "IDN")))
    assert send(engine, rules).sent == 2
    first = receiver.bodies()[0]["data"]["warning_id"]
    acknowledge_warning(engine, rules, first, by="duty", now=NOW + dt.timedelta(minutes=30))
    assert send(engine, rules, NOW + dt.timedelta(minutes=59)).sent == 1  # that it was acknowledged
    assert send(engine, rules, NOW + dt.timedelta(minutes=61)).sent == 1
    paths = [path for path, _, _ in receiver.came]
    assert paths == ["/desk", "/desk", "/desk", "/head"]
    assert receiver.bodies()[-1]["data"]["warning_id"] != first
    # Who was never told that it began is not told that it is over.
    done = [forecast(probability=0.1), forecast("nickel", "IDN", 0.1)]
    read(engine, rules, made_run(*done, week=1), NOW + A_WEEK)
    send(engine, rules, NOW + A_WEEK)
    assert [path for path, _, _ in receiver.came[4:]].count("/head") == 1


def test_a_later_event_does_not_overtake_an_earlier_one(engine: Engine, receiver: Receiver) -> None:
    rules = made_rules(one_hook(receiver.url()))
    receiver.moods = [500]
    read(engine, rules, made_run(forecast(probability=0.45)))
    assert send(engine, rules).failed == 1
    read(engine, rules, made_run(forecast(probability=0.7), week=1))
    assert send(engine, rules) == Sent()
    assert send(engine, rules, NOW + dt.timedelta(minutes=2)).sent == 2
    assert receiver.kinds() == ["warning.raised", "warning.updated"]


def test_what_was_claimed_when_somebody_acknowledged_is_not_sent_after_all(engine: Engine, receiver: Receiver) -> None:
    plans = "severe = [{groups = ['desk'], after_minutes = 0}, {groups = ['head'], after_minutes = 10}]"
    head = one_hook(receiver.url("/head"), plans="").replace('"desk"', '"head"').replace("[plans]", "")
    rules = made_rules(head + one_hook(receiver.url("/desk"), plans=plans))
    read(engine, rules, made_run(forecast()))
    send(engine, rules)

    def killed(channel: Channel, message: Message, now: dt.datetime, time_out: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send(engine, rules, NOW + dt.timedelta(minutes=11), sender=killed)
    name = receiver.bodies()[0]["data"]["warning_id"]
    acknowledge_warning(engine, rules, name, by="duty", now=NOW + dt.timedelta(minutes=12))
    found = send(engine, rules, NOW + dt.timedelta(minutes=20))
    assert (found.withdrawn, found.sent) == (1, 1)
    assert [path for path, _, _ in receiver.came] == ["/desk", "/desk"]


def test_quiet_hours_hold_and_do_not_drop(engine: Engine, receiver: Receiver) -> None:
    text = one_hook(receiver.url()).replace(
        'id = "desk"', 'id = "desk"\ntime_zone = "Asia/Taipei"\nquiet_hours = "22:00-07:00"'
    )
    rules, night = made_rules(text), dt.datetime(2026, 11, 23, 15, tzinfo=dt.UTC)  # 23:00 in Taipei
    read(engine, rules, made_run(forecast(probability=0.45), forecast("nickel", "IDN", 0.7)), night)
    found = send(engine, rules, night)
    assert (found.sent, found.held) == (1, 1)
    assert receiver.bodies()[0]["data"]["tier"] == "severe"
    assert send(engine, rules, dt.datetime(2026, 11, 23, 22, 59, tzinfo=dt.UTC)) == Sent()
    assert send(engine, rules, dt.datetime(2026, 11, 23, 23, 0, tzinfo=dt.UTC)).sent == 1


def test_a_mute_holds_messages_and_they_come_when_it_expires(engine: Engine, receiver: Receiver) -> None:
    rules = made_rules(one_hook(receiver.url()))
    mute(engine, "cobalt/*", until=NOW + dt.timedelta(days=10), why="known: the mine is shut", by="duty", now=NOW)
    read(engine, rules, made_run(forecast(), forecast("nickel", "IDN")))
    send(engine, rules)
    read(engine, rules, made_run(forecast(), forecast("nickel", "IDN"), week=1), NOW + A_WEEK)
    send(engine, rules, NOW + A_WEEK)
    assert [body["data"]["mineral"] for body in receiver.bodies()] == ["nickel"]
    for week in (2, 3):
        read(engine, rules, made_run(forecast(), forecast("nickel", "IDN"), week=week), NOW + week * A_WEEK)
        send(engine, rules, NOW + week * A_WEEK)
    told = receiver.bodies()[1]["data"]
    assert len(receiver.came) == 2
    assert (told["mineral"], told["why"], told["raised_as_of"]) == ("cobalt", "mute_over", "2026-11-23")


def test_a_run_that_was_held_back_changes_nothing_and_says_so(engine: Engine, receiver: Receiver) -> None:
    rules = made_rules(one_hook(receiver.url()))
    read(engine, rules, made_run(forecast()))
    found = read(engine, rules, made_run(week=1, stop="trade has shrunk by half"), NOW + A_WEEK)
    send(engine, rules, NOW + A_WEEK)
    assert len(found.held) == 1
    assert receiver.kinds() == ["warning.raised", "warning.held"]
    text = receiver.bodies()[1]["text"]
    assert "trade has shrunk by half" in text
    assert "as of 2026-11-23" in text


def test_a_replayed_run_warns_nobody_unless_as_a_drill(engine: Engine, receiver: Receiver) -> None:
    rules = made_rules(one_hook(receiver.url()))
    replayed = made_run(forecast(), kind="hindcast")
    assert read(engine, rules, replayed).skipped
    assert send(engine, rules) == Sent()
    read(engine, rules, replayed, drill=True)
    send(engine, rules)
    (body,) = receiver.bodies()
    assert body["is_drill"]
    assert body["subject"].startswith("DRILL: ")
    assert body["text"].startswith("*** DRILL")
    assert body["text"].rstrip().endswith("exercise. ***")
    # Drills and warnings don't know of each other.
    assert read(engine, rules, made_run(forecast())).count("raised") == 1


def test_a_called_drill_goes_the_whole_way_and_a_second_one_ends_it(engine: Engine, receiver: Receiver) -> None:
    plans = "severe = [{groups = ['desk']}, {groups = ['desk'], after_minutes = 10}]"
    rules = made_rules(one_hook(receiver.url(), plans=plans))
    run = made_run(forecast(), forecast("nickel", "IDN", 0.9))
    first = call_drill(engine, rules, run, tier=None, now=NOW)
    second = call_drill(engine, rules, run, tier=None, now=NOW + dt.timedelta(minutes=5))
    assert first["mineral"] == second["mineral"] == "nickel"
    send(engine, rules, NOW + dt.timedelta(minutes=30))
    assert all(body["is_drill"] for body in receiver.bodies())
    assert len(receiver.came) == 2


def test_no_secret_is_kept_or_said(engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TOKEN", "s3cret-token")
    text = f"""
        [[groups]]
        id = "desk"
        [[groups.channels]]
        id = "sms"
        kind = "sms_gateway"
        url = "{receiver.url("/send")}?token=${{env:GATEWAY_TOKEN}}"
        to = "+886900000000"
        headers = {{authorization = "Bearer ${{env:GATEWAY_TOKEN}}"}}
        body = {{recipient = "{{to}}", message = "{{text}}", token = "${{env:GATEWAY_TOKEN}}"}}
        [plans]
        severe = [{{groups = ["desk"]}}]
        """
    rules, said = made_rules(text), list[str]()
    receiver.moods = [500]
    read(engine, rules, made_run(forecast()))
    deliver(engine, rules, clock=Clock(NOW), who="one", say=said.append)
    deliver(engine, rules, clock=Clock(NOW + dt.timedelta(minutes=2)), who="one", say=said.append)
    path, headers, _ = receiver.came[1]
    assert path == "/send?token=s3cret-token"
    assert headers["authorization"] == "Bearer s3cret-token"
    assert receiver.bodies()[0]["token"] == "s3cret-token"
    stored = (engine.url.database or "").encode()
    with open(stored, "rb") as file:
        assert b"s3cret" not in file.read()
    assert said
    assert not any("s3cret" in line for line in said)
