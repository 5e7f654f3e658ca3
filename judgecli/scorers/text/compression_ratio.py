"""How well the output compresses: low where it repeats itself."""

from judgecli.derived import Block
from judgecli.scorer import scorer

_LEAST_BYTES = 100  # below it the 6 to 9 bytes of the frame's header would be most of the ratio


@scorer(kind="number", range=(0, None), higher_is_better=None, version=1, default=True)
def compression_ratio(output_block: Block) -> list[float | None]:
    """Size of the output compressed by Zstandard at level 1, divided by its size in UTF-8.

    Columns: output. Returns: compressed / original bytes, one frame a text; about 0.5 to 0.65 for
    English prose, near 0 for a loop, a little over 1 for noise. It falls with the length of the text.
    Null: where the output is, or has fewer than 100 bytes: the frame's header would dominate.
    Source: RFC 8878 (Zstandard); the ratio as a measure of repetition follows Shaib et al. 2024,
    arXiv:2403.00553, who divide the other way round and use gzip.

    >>> [round(ratio, 2) if ratio else ratio for ratio in compression_ratio(["again and again " * 50, "short", None])]
    [0.04, None, None]
    """
    import zstandard

    compress = zstandard.ZstdCompressor(level=1).compress
    texts = map(output_block.raw, range(len(output_block)))
    return [len(compress(raw)) / len(raw) if len(raw) >= _LEAST_BYTES else None for raw in texts]
