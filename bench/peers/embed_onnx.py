#!/usr/bin/env python3
"""Peer of bench/embed.ts: the same sentence model with Python's onnxruntime on one thread.

    python3 bench/peers/embed_onnx.py MODEL_DIR     a JSON list of sentences a line in, {"ms", "first"} a line out

One sentence a call, mean pooling, unit length; `first` is the vector of the first sentence.
"""
import json
import sys
import time

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

folder = sys.argv[1]
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
tokenizer.no_padding()
tokenizer.enable_truncation(max_length=256)
options = ort.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = ort.InferenceSession(f"{folder}/model_quantized.onnx", options, providers=["CPUExecutionProvider"])


def embed(sentence):
    ids = np.array([tokenizer.encode(sentence).ids], dtype=np.int64)
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    mean = session.run(None, inputs)[0][0].mean(axis=0)
    return mean / np.linalg.norm(mean)


for line in sys.stdin:
    sentences = json.loads(line)
    started = time.perf_counter()
    vectors = [embed(sentence) for sentence in sentences]
    ms = 1000 * (time.perf_counter() - started)
    print(json.dumps({"ms": ms, "first": vectors[0].tolist()}), flush=True)
