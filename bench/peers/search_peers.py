"""The peers of bench/search.ts, each with OMP_NUM_THREADS threads. Reads a JSON request a line, answers with a JSON line.

{"load": {"rows": FILE, "queries": FILE, "dim": N, "peers": [...]}}            -> {NAME: WHY IT CANNOT}
{"peer": NAME, "k": K, "first": I, "count": N, "cold": BOOL}                   -> {"us": [...], "rows": [...]}

A turn that is not cold begins with a query that is not counted. "rows" are those of the last query. Times are taken in
here, around the call that a user would write.
"""
import json
import os
import sys
import time

import numpy as np

THREADS = int(os.environ["OMP_NUM_THREADS"])
flushed = np.zeros(40_000_000)


def numpy_search(x):
    def search(q, k):
        scores = x @ q
        best = np.argpartition(scores, -k)[-k:] if k < len(scores) else np.arange(len(scores))
        return best[np.argsort(-scores[best], kind="stable")]

    return search


def faiss_search(x):
    import faiss

    faiss.omp_set_num_threads(THREADS)
    index = faiss.IndexFlatIP(x.shape[1])
    index.add(x)
    return lambda q, k: index.search(q[None], k)[1][0]


def usearch_search(x):
    from usearch.index import MetricKind, search

    return lambda q, k: search(x, q, k, MetricKind.IP, exact=True, threads=THREADS).keys


def sqlite_search(x):
    import sqlite_vec

    try:
        import pysqlite3 as sqlite3  # For a Python whose own sqlite3 loads no extensions.
    except ImportError:
        import sqlite3

    db = sqlite3.connect(":memory:")
    db.enable_load_extension(True)
    sqlite_vec.load(db)
    db.execute(f"create virtual table v using vec0(e float[{x.shape[1]}] distance_metric=cosine)")
    db.executemany("insert into v(rowid, e) values (?, ?)", ((i, row) for i, row in enumerate(x)))
    find = "select rowid from v where e match ? and k = ?"
    return lambda q, k: [row for (row,) in db.execute(find, (q, k))]


def sklearn_search(x):
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(algorithm="brute", metric="cosine", n_jobs=THREADS).fit(x)
    return lambda q, k: index.kneighbors(q[None], n_neighbors=k, return_distance=False)[0]


MAKE = {
    "numpy": numpy_search,
    "faiss-cpu": faiss_search,
    "usearch": usearch_search,
    "sqlite-vec": sqlite_search,
    "scikit-learn": sklearn_search,
}
searches = {}
queries = None

for line in sys.stdin:
    request = json.loads(line)
    if "load" in request:
        load = request["load"]
        searches.clear()
        rows = np.fromfile(load["rows"], "<f4").reshape(-1, load["dim"])
        queries = np.fromfile(load["queries"], "<f4").reshape(-1, load["dim"])
        answer = {}
        for name in load["peers"]:
            try:
                searches[name] = MAKE[name](rows)
            except Exception as error:
                answer[name] = str(error)
    else:
        search, k, cold = searches[request["peer"]], request["k"], request["cold"]
        if not cold:
            search(queries[request["first"] % len(queries)], k)
        us, found = [], []
        for i in range(request["count"]):
            q = queries[(request["first"] + i) % len(queries)]
            if cold:
                flushed += 1
            start = time.perf_counter()
            found = search(q, k)
            us.append((time.perf_counter() - start) * 1e6)
        answer = {"us": us, "rows": [int(row) for row in found]}
    print(json.dumps(answer), flush=True)
