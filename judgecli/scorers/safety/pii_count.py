"""How many pieces of personal data the output holds. The values found are never kept or shown."""

import ipaddress
import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.arrays import Integers
from judgecli.scorer import scorer

_EMAIL = r"[A-Za-z0-9_.%+-]@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}\b"
# What looks like an address and is none: remotes of git, logins in links, names of image files; and the second half of a mail link.
_NO_EMAIL = (
    r"\bgit@[A-Za-z0-9.-]{1,80}[:/]|://[^\s/@]{1,100}@|@[1-4]x\.(?:png|jpe?g|webp|svg|gif)|@[A-Za-z0-9.-]{1,80}\]\(mailto:[^)\s]{1,200}\)"
    r"|href=[\"']mailto:[^\"'>\s]{1,200}[\"'][^>]{0,80}>[^<@]{1,80}@"
)
_MAY_BE_NO_EMAIL = r"mailto:|git@|://[^\s/@]*@|@[1-4]x\."  # the same in short, for RE2
_PLACEHOLDER = r"\[pii:\w{1,30}\]"
# A text without any of these holds no number to look at; RE2 reads a whole batch in one call.
_MAY_HOLD_NUMBERS = (
    r"[0-9][0-9 ().\-/]{5,}[0-9]|[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|[0-9A-Fa-f]?:[0-9A-Fa-f]{0,4}:"
    r"|\b[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4}|[A-Z]{6}[0-9]{2}[A-Z]|[XYZ0-9][0-9]{7}-?[A-Z]"
)
IBAN_LENGTHS: dict[str, int] = {
    "AD": 24,
    "AE": 23,
    "AT": 20,
    "BE": 16,
    "BG": 22,
    "BR": 29,
    "CH": 21,
    "CY": 28,
    "CZ": 24,
    "DE": 22,
    "DK": 18,
    "EE": 20,
    "ES": 24,
    "FI": 18,
    "FR": 27,
    "GB": 22,
    "GR": 27,
    "HR": 21,
    "HU": 28,
    "IE": 22,
    "IL": 23,
    "IS": 26,
    "IT": 27,
    "LI": 21,
    "LT": 20,
    "LU": 20,
    "LV": 21,
    "MC": 27,
    "MT": 31,
    "NL": 18,
    "NO": 15,
    "PK": 24,
    "PL": 28,
    "PT": 25,
    "QA": 29,
    "RO": 24,
    "RS": 22,
    "SA": 24,
    "SE": 24,
    "SI": 19,
    "SK": 24,
    "SM": 27,
    "TN": 24,
    "TR": 26,
    "UA": 29,
}


def luhn_valid(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1)."""
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def iban_valid(text: str) -> bool:
    """Whether a text begins with an IBAN of its country's length and with right check digits (ISO 13616)."""
    compact = text.replace(" ", "")
    compact = compact[: IBAN_LENGTHS.get(compact[:2], 0)]
    if len(compact) < IBAN_LENGTHS.get(text[:2], 99):
        return False
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def _weighted(digits: str, weights: Sequence[int], modulus: int) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False)) % modulus


def _card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return 13 <= len(digits) <= 19 and digits[0] in "23456" and len(set(digits)) > 1 and luhn_valid(digits)


def _address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if not address.is_global or address.is_multicast:
        return False
    # Four small numbers are a version or a section ("2.3.1.1"), and so are the best-known name servers.
    octets = sorted(address.packed)
    return len(text) >= 6 if address.version == 6 else octets[-1] >= 100 or octets[-2] >= 32


def _cpf(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    checks = [_weighted(digits[:size], range(size + 1, 1, -1), 11) for size in (9, 10)]
    return len(set(digits)) > 1 and digits[9:] == "".join(str(0 if check < 2 else 11 - check) for check in checks)


def _dni(text: str) -> bool:
    number = text[:-1].rstrip("-").translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1]


def _nir(text: str) -> bool:
    digits = text.replace(" ", "")
    return int(digits[13:]) == 97 - int(digits[:13]) % 97


_ODD_VALUES = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23],
        strict=True,
    )
)


def _codice_fiscale(text: str) -> bool:
    even = sum(int(character, 36) - (0 if character.isdigit() else 10) for character in text[1:15:2])
    return (even + sum(_ODD_VALUES[character] for character in text[0:15:2])) % 26 == ord(text[15]) - ord("A")


def _pesel(text: str) -> bool:
    month, day = int(text[2:4]) % 20, int(text[4:6])
    return 1 <= month <= 12 and 1 <= day <= 31 and (10 - _weighted(text[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), 10)) % 10 == int(text[10])


def _chinese_id(text: str) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    remainder = sum(int(digit) * weight for digit, weight in zip(text[:17], weights, strict=True)) % 11
    return 1 <= int(text[10:12]) <= 12 and 1 <= int(text[12:14]) <= 31 and "10X98765432"[remainder] == text[17].upper()


def _phone(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return (8 if text[0] == "+" else 9) <= len(digits) <= 15 and not re.match(r"\d\d?[-/. ]\d\d?[-/. ]\d{4}", text)


def _always(_: str) -> bool:
    return True


# Tried in this order; what one finds the next no longer sees. No pattern holds an open repetition
# before a part that can fail, so each reads a text in linear time.
_KINDS: list[tuple[str, str, Callable[[str], bool]]] = [
    ("redacted", _PLACEHOLDER, _always),
    ("email", _EMAIL, _always),
    ("iban", r"(?<!\w)[A-Z]{2}\d{2} ?[A-Z0-9]{4}[A-Z0-9 ]{7,33}", iban_valid),
    ("ip_address", r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)|(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])", _address),
    ("payment_card", r"(?<![\w.-])\d{4}([ -]?)\d{4}\1\d{4}\1\d{1,7}(?![\w-])|(?<![\w.-])3\d{3}([ -]?)\d{6}\2\d{5}(?![\w-])", _card),
    ("us_ssn", r"(?<![\w.-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])", _always),  # US social security number: no check digit
    ("br_cpf", r"(?<![\w.-])\d{3}\.\d{3}\.\d{3}-\d{2}(?!\w)", _cpf),
    ("es_dni", r"(?<![\w.-])(?:\d{8}|[XYZ]\d{7})-?[A-Z](?!\w)", _dni),
    ("fr_nir", r"(?<![\w.-])[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}(?!\w)", _nir),
    ("it_codice_fiscale", r"(?<!\w)[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?!\w)", _codice_fiscale),
    ("cn_resident_id", r"(?<![\w.-])\d{17}[\dXx](?!\w)", _chinese_id),
    ("pl_pesel", r"(?<![\w.+-])\d{11}(?![\w-])", _pesel),
    (
        "phone",
        r"(?<![\w+])\+\d[\d ().\-/]{6,20}|(?<![\w.+-])(?<!\d[ .])(?:1[ .-])?\(?[2-9]\d{2}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?!\w)"
        r"|(?<![\w.+-])0[1-9](?:\.\d\d){4}(?![\w.])"
        r"|(?<![\w.,+-])(?<!\d )\(?00?[1-9]\d{0,3}\)?(?: / |[ /-])\d[\d -]{4,12}|(?<![\w.,+-])1[3-9]\d{9}(?![\w-])",
        _phone,
    ),
]
_FINDERS = [(kind, re.compile(pattern, re.ASCII), holds) for kind, pattern, holds in _KINDS]
_NOT_MAIL = re.compile(_NO_EMAIL, re.ASCII)
_LOCAL_PART = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.%+-")


@scorer(kind="number", range=(0, None), higher_is_better=False, version=2, default=True, arrow=True)
def pii_count(output: pa.StringArray) -> Integers:
    """Number of pieces of personal data in the output.

    Columns: output. Returns: a count; the values found are not kept. Null: only where the output is.
    Counted: e-mail addresses (a mail link once), telephone numbers (international with +, North American, with a leading
    0, Chinese mobile), IBANs and payment cards with right check digits, public IP addresses (not private, shared, local, multicast
    or documentation ranges, nor four small numbers as versions and sections are), national numbers
    (US social security by shape; by check digit: Brazil CPF, Spain DNI and NIE, France NIR, Italy codice
    fiscale, Poland PESEL, China), and placeholders `[pii:email]` that redaction left. Names and street
    addresses are not found; a number may look like a telephone's by chance.
    Measured, as a count above 0, on 217 labelled texts that shaped nothing: precision 1.00 (0.95 to 1.00), recall 0.97 (0.91 to 0.99);
    the count is exact in 215 of 217.
    Source: own patterns; ISO 13616 (IBAN), ISO/IEC 7812-1 (Luhn), RFC 5322 in its common form, and each
    country's rule for its check digits.

    >>> pii_count(["Write to ann@example.org or call +1 555 010 9999.", "no data in 2024", "[pii:email]", None])
    [2, 0, 1, None]
    """
    counts: Integers = np.asarray(pc.count_substring_regex(output, f"{_PLACEHOLDER}|{_EMAIL}"), np.int64).copy()
    numbers = pc.match_substring_regex(output, _MAY_HOLD_NUMBERS).to_numpy(zero_copy_only=False).copy()
    mailed = np.flatnonzero(~numbers & (counts > 0))
    numbers[mailed] = pc.match_substring_regex(output.take(pa.array(mailed)), _MAY_BE_NO_EMAIL).to_numpy(zero_copy_only=False)
    for index in np.flatnonzero(numbers):
        counts[index] = _count(output[int(index)].as_py())
    return counts


def _count(text: str) -> int:
    total, text = 0, _NOT_MAIL.sub(_one_address, text)
    for _, pattern, holds in _FINDERS:
        parts, seen = [], 0
        for match in pattern.finditer(text):
            if holds(match.group()):
                parts += [text[seen : match.start()], "|"]
                seen = match.end()
                total += 1
        if parts:
            text = "".join(parts) + text[seen:]
    return total


def _one_address(found: re.Match[str]) -> str:
    """What stands in place of something that only looks like an address, or of a mail link: its one address."""
    text = found[0]
    return text.partition("](")[0] if "](mailto:" in text else "x@" if "mailto:" in text else " "


def find_pii(text: str) -> list[tuple[int, int, str]]:
    """Where personal data stands in a text: start, end and `pii:KIND` of what `pii_count` counts, without overlaps.

    Of a mail link both places are given, where `pii_count` counts the one address.

    >>> find_pii("Write to ann.lee@example.org")
    [(9, 28, 'pii:email')]
    """
    spans: list[tuple[int, int, str]] = []
    no_email = [found.span() for found in _NOT_MAIL.finditer(text) if "mailto:" not in found[0]]
    for kind, pattern, holds in _FINDERS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if kind == "email":
                start = _local_part_start(text, start)
                if any(first <= match.start() < last for first, last in no_email):
                    continue
            if holds(match.group()) and all(end <= other or start >= other_end for other, other_end, _ in spans):
                spans.append((start, end, f"pii:{kind}"))
    return sorted(span for span in spans if span[2] != "pii:redacted")


def _local_part_start(text: str, place: int) -> int:
    """Where the name before an @ begins; its pattern holds only the last character, to stay linear."""
    while place > 0 and text[place - 1] in _LOCAL_PART:
        place -= 1
    return place
