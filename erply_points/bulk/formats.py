"""How an answer is written: JSON, or XML in a plain mapping that docs/xml.md specifies."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree as ET

import orjson

Answer = dict[str, Any]
"""A whole answer or a sub-answer, as JSON types."""


@dataclass(frozen=True, slots=True)
class Format:
    name: str
    """As `responseType` asks for it."""
    content_type: str
    encode: Callable[[Answer], bytes]


def _json(answer: Any) -> bytes:
    try:
        return orjson.dumps(answer)
    except TypeError:  # A requestID of more than 64 bits, which orjson does not write.
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ITEMS: Final = {"records": "record", "requests": "request"}


def _xml(answer: Answer) -> bytes:
    root = ET.Element("response")
    _fill(root, "response", answer)
    encoded: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return encoded.replace(b"\r", b"&#13;")  # A bare one would be read as a line feed.


def _fill(element: ET.Element, name: str, value: Any) -> None:
    match value:
        case dict():
            for key, child in value.items():
                if _NAME.fullmatch(key):
                    _fill(ET.SubElement(element, key), key, child)
                else:
                    _fill(ET.SubElement(element, "item", name=_NOT_XML.sub("\ufffd", key)), "item", child)
        case list():
            for child in value:
                item = _ITEMS.get(name, "item")
                _fill(ET.SubElement(element, item), item, child)
        case None:
            element.set("nil", "true")
        case bool():
            element.text = "1" if value else "0"
        case str():
            element.text = _NOT_XML.sub("\ufffd", value)
        case _:
            element.text = _json(value).decode()


JSON: Final = Format("JSON", "application/json; charset=UTF-8", _json)
XML: Final = Format("XML", "application/xml; charset=UTF-8", _xml)
FORMATS: Final = {each.name: each for each in (JSON, XML)}
