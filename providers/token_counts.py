"""What a provider says it has counted, as far as it can be charged."""

from providers.deltas import Usage

MOST_TOKENS = 10_000_000


def believable_usage(sent: object) -> Usage | None:
    """Token counts that can be charged, or None.

    The rule: the last believable usage of a stream counts and is never added up. When prompt or completion is
    missing, not a whole number, negative, beyond ten million, or the prompt is zero, the whole usage is not believed
    and the caller estimates. The details only divide these two sums: what does not fit into its sum is cut to it.
    """
    prompt, completion = _count(sent, "prompt_tokens"), _count(sent, "completion_tokens")
    if not prompt or completion is None:
        return None
    hit = _count(sent, "prompt_cache_hit_tokens")
    if hit is None:
        hit = _count(sent, "prompt_tokens_details", "cached_tokens") or 0
    hit = min(hit, prompt)
    reasoning = min(_count(sent, "completion_tokens_details", "reasoning_tokens") or 0, completion)
    return Usage(prompt, completion, reasoning, cache_hit=hit, cache_miss=prompt - hit)


def _count(value: object, *path: str) -> int | None:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None
