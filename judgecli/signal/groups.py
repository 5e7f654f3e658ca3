"""Prompts as the unit: how many of k outputs to one prompt would pass, and whether a group can teach."""

from math import comb


def pass_at_k(outputs: int, passed: int, k: int) -> float | None:
    """Chance that at least one of k outputs drawn from these passes; None where there are fewer than k.

    1 - C(n - c, k) / C(n, k), unbiased. Source: Chen et al. 2021, arXiv:2107.03374.

    >>> pass_at_k(4, 1, 2), pass_at_k(1, 1, 2)
    (0.5, None)
    """
    return None if k > outputs else 1.0 - comb(outputs - passed, k) / comb(outputs, k)


def pass_all_k(outputs: int, passed: int, k: int) -> float | None:
    """Chance that all of k outputs drawn from these pass (pass^k); None where there are fewer than k.

    C(c, k) / C(n, k). Source: Yao et al. 2024, arXiv:2406.12045 (tau-bench).

    >>> pass_all_k(4, 2, 2)
    0.16666666666666666
    """
    return None if k > outputs else comb(passed, k) / comb(outputs, k)
