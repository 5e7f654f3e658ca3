"""The features of a linear reward model the plain way, one text and one sentence at a time: what the quick code must equal."""

import math
import re
from collections import Counter
from hashlib import blake2b

from judgecli.reward_model import guards, surface
from judgecli.reward_model.features import LONGEST, FeatureSpec, question

MARK = re.compile(r"(?:[ \t]*(?:#{1,6}|[-*+•]|\d{1,2}[.)])(?=\s|$))+[ \t]*")
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
TOKEN = re.compile(rb"[A-Za-z0-9'\x80-\xff]+|[^ ]")
CUT_OFF = re.compile(r"[\w,;(–-]\s*\Z")
STARTS = ("I am ", "I'm ", "This is ", "This answer ", "This response ")
BREAKS = [(f"{sign} ", f"{sign}\n") for sign in ".!?"] + [(sign, f"{sign}\n") for sign in "。！？"] + [(f" {start}", f"\n{start}") for start in STARTS]
ALL_64 = 2**64 - 1


def names_nothing(sentence, least):
    words = [word.replace("’", "'") for word in WORD.findall(sentence)]
    known = all(word in guards._KNOWN or word.isdecimal() for word in words)
    return known and any(word in guards._ABOUT for word in words) and len(words) >= least and not sentence.endswith(("?", "？"))


def read(text):
    """The core of an output and its guards."""
    seen, kept = set(), []
    bare = text.replace("**", "")
    marks, size = (len(text) - len(bare)) // 4, 0
    for raw in bare.split("\n"):
        line = raw.strip()
        least = 1 if line.startswith("#") else guards.LEAST_WORDS
        if line[:1] in tuple("#-*+•0123456789") and (found := MARK.match(line)):
            line, marks = line[found.end() :], marks + 1
        for old, new in BREAKS:
            line = line.replace(old, new)
        for sentence in filter(None, (" ".join(part.split()) for part in line.split("\n"))):
            size += len(sentence) + 1
            key = sentence.casefold()
            if key in seen or names_nothing(key, least):
                continue
            if any(map(str.isalnum, key)):
                seen.add(key)
            kept.append(sentence)
    left, size = " ".join(kept), max(size - 1, 0)
    words = len(WORD.findall(left[:200]))
    opener = 0 < words <= guards.MOST_OPENER and left.endswith((":", "："))
    left_out = 1 - len(left) / max(size, 1) if len(left) < size else 0.0
    marked = min(max(0.0, marks / max(len(kept), 1) - 1), 1.0)
    return left, [words == 0, opener, max(0.0, 1 - words / guards.SHORT), left_out, marked, CUT_OFF.search(left[-4:]) is not None]


def mix(value):
    value = ((value ^ (value >> 32)) * 0xD6E8FEB86659FD93) & ALL_64
    return value ^ (value >> 32)


def word_hash(word):
    if len(word) > 64:
        return int.from_bytes(blake2b(word, digest_size=8).digest(), "little")
    found = mix(int.from_bytes(word[:8], "little") * 0x9E3779B97F4A7C15 + len(word) & ALL_64)
    for step in range(8, len(word), 8):
        found = mix((found * 0x9E3779B97F4A7C15 + int.from_bytes(word[step : step + 8], "little")) & ALL_64)
    return found


def grams(items, size):
    return [tuple(items[start : start + size]) for start in range(len(items) - size + 1)]


def gram_hash(gram):
    found = gram[0]
    for following in gram[1:]:
        found = mix((found * 0x9E3779B97F4A7C15 + following) & ALL_64)
    return found


def spaced(text):
    return f" {' '.join(text[:LONGEST].lower().split())} ".encode("utf-8", "replace")


def buckets(spec, output, asked):
    """Bucket -> value, of an output whose guards are off already."""
    data, known = spaced(output), set(TOKEN.findall(spaced(asked)))
    tokens = TOKEN.findall(data)
    characters = [
        mix(int.from_bytes(data[start : start + size], "little") * 0x9E3779B97F4A7C15 + size & ALL_64)
        for size in spec.character_sizes
        for start in range(len(data) - size + 1)
        if b" " not in data[start + 1 : start + size - 1]
    ]
    hashes = [word_hash(token) for token in tokens]
    words = [gram_hash(gram) for size in spec.word_sizes for gram in grams(hashes, size)]
    copied = [word_hash(token) for token in tokens if token in known]
    found = {}
    for block, (part, total) in enumerate(((characters, len(characters)), (words, len(words)), (copied, len(tokens)))):
        for bucket, count in Counter((one >> 64 - spec.bits) + (block << spec.bits) for one in part).items():
            found[bucket] = count / math.sqrt(1 + total)
    return found


def dense(text, asked):
    """The dense features of an output whose guards are off already."""
    tokens, theirs = (TOKEN.findall(spaced(side)) for side in (text, asked))
    words, raw, stripped = len(text.split()), text.encode("utf-8", "replace"), text.strip()
    count, some, lines, log_size = max(words, 1), max(len(text), 1), 1 + text.count("\n"), math.log1p(len(text))
    ascii_letters = [letter for letter in text if letter.isascii() and letter.isalpha()]
    row = [log_size, *(max(log_size - math.log1p(knot), 0) for knot in surface.KNOTS), len(text) / count / 10]
    row += [math.log1p(words / (1 + sum(map(text.count, ".?!")))), math.log(lines)]
    row += [sum(map(text.count, "0123456789")) / some, sum(map(str.isupper, ascii_letters)) / max(len(ascii_letters), 1)]
    row += [sum(byte >= 128 for byte in raw) / some]
    row += [stripped != "" and stripped.rstrip(surface.CLOSERS)[-1:] in surface.ENDS, stripped[:1].isupper()]  # nothing but closers ends, too
    row += [-math.log(max(len(set(part)), 1) / max(len(part), 1)) for part in (tokens, grams(tokens, 3))]
    row += [text.count(sign) / count for sign in surface.SIGNS.values()]
    row += [sum(bool(re.match(mark, line)) for line in text.split("\n")) / lines for mark in (r"[-*+] ", r"[0-9](?:[.)]|[0-9][.)])", "#")]
    row += [text.count("**") / 2 / lines]
    row += [sum(token.decode() in group for token in tokens) / max(len(tokens), 1) for group in surface.WORD_GROUPS.values()]
    if not asked.strip():
        return row + [0.0] * len(surface.INPUT_NAMES)
    row += [1.0, math.log1p(len(text)) - math.log1p(len(asked))]
    for size in (1, 2):
        row += shares(grams(tokens, size), grams(theirs, size), max(len(tokens) - size + 1, 0), max(len(theirs) - size + 1, 0))
    ours, theirs = ("".join(side[: surface.CHARACTERS_COMPARED].split()) for side in (text, asked))
    for size in range(1, 7):
        row += shares(grams(ours, size), grams(theirs, size), len(ours) - size + 1, len(theirs) - size + 1)
    return row


def shares(ours, theirs, our_total, their_total):
    both = sum((Counter(ours) & Counter(theirs)).values())
    return [both / max(our_total, 1), both / max(their_total, 1)]


def features(spec: FeatureSpec, asked, output):
    """(dense, bucket -> value, guards) of one output."""
    left, found = read(output) if spec.guarded else (output, [0.0] * len(guards.NAMES))
    said = question(asked or "")
    return dense(left, said), buckets(spec, left, said), found
