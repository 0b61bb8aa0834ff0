"""Signed webhooks after the Standard Webhooks specification 1.0.

`webhook-id` is the delivery's key and stays the same over retries; the signature is HMAC-SHA256 of
`id.timestamp.body`, so that nobody can change a message, nor send an old one again: receivers refuse a timestamp
more than five minutes away.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json

from features.errors import ConfigError
from ml.alerts.channels.sending import NotDelivered, call
from ml.alerts.channels.settings import Webhook, revealed, revealed_url
from ml.alerts.texts import Message

__all__ = ["body_of", "send", "signature"]

PREFIX = "whsec_"
LEAST_BYTES = 24


def send(channel: Webhook, message: Message, *, now: dt.datetime, time_out: float) -> None:
    """Post a message once, signed.

    Raises:
        NotDelivered: see `ml.alerts.channels.sending.call`.
        ConfigError: address or secret can't be had.
    """
    body, kind = body_of(message, channel.format)
    stamp = str(int(now.timestamp()))
    headers = {
        "content-type": kind,
        "user-agent": "oresight",
        "webhook-id": message.key,
        "webhook-timestamp": stamp,
        "webhook-signature": signature(revealed(channel.secret), message.key, stamp, body),
    }
    call("POST", revealed_url(channel.url), headers=headers, content=body, time_out=time_out)


def body_of(message: Message, form: str) -> tuple[bytes, str]:
    """Give body and content type: the CAP message, or JSON with the facts and the texts."""
    if form == "cap":
        if not message.cap:
            raise NotDelivered("there is no CAP message of this event", is_final=True)
        return message.cap.encode(), "application/cap+xml"
    whole = {
        "type": f"warning.{message.facts['kind']}",
        "event_id": message.event_id,
        "is_drill": message.is_drill,
        "subject": message.subject,
        "text": message.text,
        "data": message.facts,
    }
    return json.dumps(whole, ensure_ascii=False, allow_nan=False).encode(), "application/json"


def signature(secret: str, key: str, stamp: str, body: bytes) -> str:
    """Sign a body as `v1,` and base64 of the HMAC.

    Raises:
        ConfigError: the secret is no base64 of 24 bytes or more, with or without `whsec_` before it.
    """
    try:
        raw = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) < LEAST_BYTES:
        raise ConfigError(
            "alerts: a webhook's secret is whsec_ and base64 of 24 bytes or more; `openssl rand -base64 32`"
        )
    told = hmac.new(raw, f"{key}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(told).decode()}"
