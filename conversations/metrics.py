"""What is counted, under the names that Prometheus reads. No label ever holds anything of a member's."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

# The worker's.
FIRST_TEXT = Histogram("chat_first_text_seconds", "From the question to the first word of its answer.", buckets=SECONDS)
FLUSH = Histogram("chat_flush_seconds", "One flush of the answers' log into the database.", buckets=SECONDS)
FLUSH_LAG = Histogram("chat_flush_lag_seconds", "From a word's arrival to its flush's commit.", buckets=SECONDS)
FENCED = Counter("chat_fenced", "Answers whose words were refused, because another worker has them or they had ended.")
REAPED = Counter("chat_reaped", "Answers that were ended because their worker was gone.")
RESUMED = Counter("chat_resumed", "Answers that went on by themselves after an interruption.")

# The web process's.
SOCKETS = Gauge("chat_sockets", "Open sockets.")
FRAMES = Counter("chat_frames", "Frames sent.")
FRAME_CHARACTERS = Counter("chat_frame_characters", "Characters in the frames sent.")

# Both.
BUS_LAG = Histogram(
    "chat_bus_lag_seconds", "From a listener's own notice to its arrival.", ["channel"], buckets=SECONDS
)
LOOP_LAG = Histogram("chat_event_loop_lag_seconds", "How late the event loop wakes a sleeper.", buckets=SECONDS)
