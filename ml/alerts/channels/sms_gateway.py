"""SMS through any provider's HTTP interface: address, headers and body are settings, the text fits one message."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from ml.alerts.channels.sending import NotDelivered, call
from ml.alerts.channels.settings import SmsGateway, revealed, revealed_url
from ml.alerts.sms import fits
from ml.alerts.texts import Message

__all__ = ["send"]


def send(channel: SmsGateway, message: Message, *, time_out: float) -> None:
    """Hand one short message to the gateway.

    Raises:
        NotDelivered: see `ml.alerts.channels.sending.call`.
        ConfigError: a secret can't be had.
    """
    if not fits(message.short):
        raise NotDelivered("the text is longer than one SMS", is_final=True)
    values = {"{to}": revealed(channel.to), "{text}": message.short, "{key}": message.key}
    body = {name: _filled(value, values) for name, value in channel.body.items()}
    headers = {"user-agent": "oresight", "idempotency-key": message.key}
    headers |= {name.lower(): _filled(value, values) for name, value in channel.headers.items()}
    url = revealed_url(channel.url)
    if channel.method == "GET":
        call("GET", url, headers=headers, params=body, time_out=time_out)
        return
    kind, told = ("application/json", json.dumps(body, ensure_ascii=False))
    if channel.encoding == "form":
        kind, told = "application/x-www-form-urlencoded", urlencode(body)
    content_type = {"content-type": f"{kind}; charset=utf-8" if channel.encoding == "json" else kind}
    call(channel.method, url, headers={**content_type, **headers}, content=told.encode(), time_out=time_out)


def _filled(setting: str, values: dict[str, str]) -> str:
    # Secrets first: a text that happens to hold ${env:…} must not bring one out.
    told = revealed(setting)
    for slot, value in values.items():
        told = told.replace(slot, value)
    return told
