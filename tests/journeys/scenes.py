"""What the pictures show: a question as a team asks it, and an answer with code, a table and a formula."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.upstream import Gate, Script, tokenized

TITLE = "Retries that survive a crash"
QUESTION = "Our workers sometimes die in the middle of a job. How do we retry without doing anything twice?"
THOUGHTS = (
    "The team wants retries without doubled effects. So a job must be claimed with a lease, and its effect must be "
    "idempotent. I should show how a claim is taken in PostgreSQL, compare the options, and say how long to wait "
    "between tries: exponential backoff with jitter.\n\nA lease alone is not enough: a slow worker may wake up after "
    "its lease has ended. It needs a fencing token that every write names."
)
BEFORE_CODE = """Give every job a **lease** and every write a **fencing token**. A worker that dies simply stops
renewing its lease; one that was only slow finds that its token is no longer the newest, and is refused.

### Claim a job

`SKIP LOCKED` lets workers pass each other without waiting:

"""
CODE = '''```python
def claim(worker: str) -> Job | None:
    """Take the oldest job whose lease has ended."""
    row = db.execute("""
        UPDATE jobs SET owner = %s, epoch = epoch + 1,
               lease_until = now() + interval '15 s'
         WHERE id = (SELECT id FROM jobs
                      WHERE lease_until < now()
                      ORDER BY created_at LIMIT 1
                        FOR UPDATE SKIP LOCKED)
        RETURNING id, epoch, payload""", [worker]).fetchone()
    return Job(*row) if row else None
```

'''
TABLE = """### What each part gives you

| part | a worker dies | a worker is slow | cost |
|:---|:---:|:---:|---:|
| lease | job comes back | two may run | 1 write / 5 s |
| fencing token | – | the late one is refused | 1 column |
| idempotent write | retry is harmless | retry is harmless | 1 unique index |

"""
FORMULA = """### How long to wait

Double the pause each time, and spread it, so that a thousand jobs do not come back at once:

$$t_n = \\min\\left(t_{\\max},\\; 2^n t_0\\right) \\cdot U, \\qquad U \\sim \\mathcal{U}\\left(\\tfrac12, 1\\right)$$

With $t_0 = 1$ s and $t_{\\max} = 60$ s the sixth try waits about 45 s.
"""


@dataclass
class Scene:
    """The answer, held back between its parts until the test lets it go on."""

    thinking: Gate = field(default_factory=Gate)
    thought: Gate = field(default_factory=Gate)
    writing: Gate = field(default_factory=Gate)
    written: Gate = field(default_factory=Gate)

    @property
    def script(self) -> Script:
        parts = [BEFORE_CODE, CODE[: len(CODE) // 2]]
        rest = [CODE[len(CODE) // 2 :], TABLE, FORMULA]
        script = Script().role(reasoning=True).gate(self.thinking).tokens(tokenized(THOUGHTS), 0, "reasoning_content")
        for text in ["".join(parts), "".join(rest)]:
            script = script.gate(self.thought if text.startswith(BEFORE_CODE) else self.writing)
            script = script.tokens(tokenized(text), 0)
        return script.gate(self.written).finish().done()

    def open(self) -> None:
        for gate in (self.thinking, self.thought, self.writing, self.written):
            gate.open()
