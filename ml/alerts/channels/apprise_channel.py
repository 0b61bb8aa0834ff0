"""E-mail, chat and SMS by Apprise. Certificates are always verified, and texts are ours: Apprise splits nothing."""

from __future__ import annotations

import logging
from typing import Any

import apprise

from features.errors import ConfigError
from ml.alerts.channels.sending import NotDelivered
from ml.alerts.channels.settings import AppriseChannel, revealed_url
from ml.alerts.texts import Message

__all__ = ["send", "service"]


def send(channel: AppriseChannel, message: Message, *, time_out: float) -> None:
    """Hand one message to a service; SMS get the short text, all others the long one.

    Raises:
        NotDelivered: the service did not take it.
        ConfigError: the address is none that Apprise knows, or a secret can't be had.
    """
    notifier = service(channel, time_out=time_out)
    is_short = channel.kind == "sms"
    if channel.kind == "email":
        # Mail has no idempotency: who gets one twice sees that it is one.
        notifier.headers = {**getattr(notifier, "headers", {}), "X-Oresight-Key": message.key}
    notices: list[str] = []
    with _Listening(notices, with_details=channel.kind == "email"):
        try:
            is_out = notifier.notify(
                title="" if is_short else message.subject,
                body=message.short if is_short else message.text,
                body_format=apprise.NotifyFormat.TEXT,
                notify_type=apprise.NotifyType.WARNING,
            )
        except (OSError, TypeError, ValueError) as problem:
            raise NotDelivered(f"{type(problem).__name__} from the service") from None
    if not is_out:
        # What Apprise says may hold addresses; the caller takes secrets out.
        raise NotDelivered(notices[-1] if notices else "the service did not take it")


def service(channel: AppriseChannel, *, time_out: float) -> Any:
    """Make Apprise's notifier of a channel.

    Raises:
        ConfigError: the address is none that Apprise knows, or asks for certificates to go unverified.
    """
    url = revealed_url(channel.url)
    asset = apprise.AppriseAsset(async_mode=False, secure_logging=True, plugin_paths=[], storage_mode="memory")
    notifier = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if notifier is None:
        raise ConfigError(f"alerts: the address of channel {channel.id!r} is none that Apprise knows")
    if not notifier.verify_certificate:
        raise ConfigError(f"alerts: channel {channel.id!r} says verify=no; certificates are always verified")
    if len(notifier) > 1:
        # One refusal would send to all of them again.
        raise ConfigError(f"alerts: channel {channel.id!r} names {len(notifier)} recipients; write a channel for each")
    notifier.redirects = False
    notifier.socket_connect_timeout = notifier.socket_read_timeout = time_out
    notifier.overflow_mode = apprise.OverflowMode.UPSTREAM
    return notifier


class _Listening(logging.Handler):
    """Keep what Apprise reports while a message is sent, instead of printing it.

    Details of a failed connection say why a mail server was not trusted; those of HTTP services hold addresses with
    tokens in them, and are left out.
    """

    def __init__(self, notices: list[str], *, with_details: bool) -> None:
        super().__init__(logging.DEBUG if with_details else logging.WARNING)
        self.notices, self.logger = notices, logging.getLogger("apprise")

    def emit(self, record: logging.LogRecord) -> None:
        told = record.getMessage().strip()
        if record.levelno >= logging.WARNING or told.startswith("Socket Exception"):
            self.notices.append(told)

    def __enter__(self) -> None:
        self.before = (self.logger.propagate, list(self.logger.handlers), self.logger.level)
        self.logger.propagate, self.logger.handlers = False, [self]
        self.logger.setLevel(self.level)

    def __exit__(self, *_: object) -> None:
        self.logger.propagate, self.logger.handlers, level = self.before
        self.logger.setLevel(level)
