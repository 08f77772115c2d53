"""nixpkgs' layering pipeline, written from its description alone and as plainly as can be.

Reads a JSON list of {"graph": [{"path", "narSize", "references"}, ...], "pipeline": [...], "exclude": [...]} on
standard input, and prints a list with the layers of each, or null where a pipeline does not fit its data.
"""

import json
import sys


class Graph:
    """Names in order, and pairs of names."""

    def __init__(self, names, edges):
        self.names = list(names)
        self.edges = set(edges)

    def below(self, name):
        return [to for (at, to) in sorted(self.edges) if at == name]

    def part(self, names):
        inside = set(names)
        return Graph(
            [name for name in self.names if name in inside],
            [(at, to) for (at, to) in self.edges if at in inside and to in inside],
        )

    def roots(self):
        used = {to for (_, to) in self.edges}
        return [name for name in self.names if name not in used]

    def reached(self, starts, backwards=False):
        table = {}
        for at, to in self.edges:
            if backwards:
                at, to = to, at
            table.setdefault(at, []).append(to)
        seen, waiting = set(), list(starts)
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting.extend(table.get(name, []))
        return seen


class Unfit(Exception):
    pass


def need(condition):
    if not condition:
        raise Unfit()


def load(nodes, exclude):
    nodes = [node for node in nodes if node["path"] not in exclude]
    nodes = sorted(nodes, key=lambda node: node["narSize"])
    edges = [
        (node["path"], to)
        for node in nodes
        for to in node["references"]
        if to != node["path"] and to not in exclude
    ]
    return Graph([node["path"] for node in nodes], edges)


def popularity_contest(graph):
    need(isinstance(graph, Graph))
    known = {}

    def popularity(children):
        sums = {}
        for child in children:
            sums[child] = sums.get(child, 0) + 1
            if child not in known:
                known[child] = popularity(graph.below(child))
            for name, count in known[child].items():
                sums[name] = sums.get(name, 0) + count + 1
        return sums

    scores = popularity(graph.roots())

    def label(path):
        first, *rest = path.split("-")
        return "-".join(rest + [first])

    ranked = sorted(graph.names, key=label)
    ranked.sort(key=lambda name: scores[name], reverse=True)
    return (Graph([name], []) for name in ranked)


def split_paths(specs, graph):
    need(isinstance(graph, Graph))
    split = set()
    for spec in specs:
        if isinstance(spec, dict):
            parents = spec["children_of"]
            for parent in [parents] if isinstance(parents, str) else parents:
                if parent in graph.names:
                    split.update(graph.below(parent))
        elif spec in graph.names:
            split.add(spec)
    if not split:
        return {"rest": graph}
    roots = graph.roots()
    whole = Graph(graph.names, graph.edges)
    if len(roots) == 1:
        root = roots[0]
    else:
        root = "__root__"
        whole = Graph(graph.names + [root], graph.edges | {(root, each) for each in roots})
    if root in split:
        return {"main": graph}
    off = whole.reached(split)
    cut = Graph(whole.names, [(at, to) for (at, to) in whole.edges if to not in split])
    others = cut.reached([root])
    parts = {
        "main": cut.part(off - others),
        "common": cut.part(off & others),
        "rest": cut.part(others - off),
    }
    if root == "__root__":
        parts = {key: part.part(set(part.names) - {root}) for key, part in parts.items()}
    return {key: part for key, part in parts.items() if part.names}


def subcomponent(paths, graph, backwards):
    need(isinstance(graph, Graph))
    main = graph.reached([path for path in paths if path in graph.names], backwards)
    return {"main": graph.part(main), "rest": graph.part(set(graph.names) - main)}


def over(part, step, parts):
    need(isinstance(parts, dict) and part in parts)
    return {key: step(value) if key == part else value for key, value in parts.items()}


def is_list(data):
    return not isinstance(data, (Graph, dict))


def each(step, data):
    need(is_list(data))
    return (step(item) for item in data)


def flatten(data):
    if isinstance(data, Graph):
        yield data
        return
    for item in data.values() if isinstance(data, dict) else data:
        yield from flatten(item)


def backwards(data):
    need(is_list(data))
    return reversed(list(data))


def limit_layers(count, data):
    need(is_list(data))
    graphs = list(data)
    need(all(isinstance(graph, Graph) for graph in graphs))
    yield from graphs[: count - 1]
    names, edges = [], []
    for graph in graphs[count - 1 :]:
        names += graph.names
        edges += graph.edges
    if names:
        yield Graph(names, edges)


def split_every(count, graph):
    need(isinstance(graph, Graph))
    names = graph.names
    return [graph.part(names[start : start + count]) for start in range(0, len(names), count)]


def remove_paths(paths, graph):
    need(isinstance(graph, Graph))
    gone = {paths} if isinstance(paths, str) else set(paths)
    return graph.part(set(graph.names) - gone)


def pipe(steps, data):
    for step in steps:
        data = prepared(step)(data)
    return data


OPERATIONS = {
    "popularity_contest": popularity_contest,
    "split_paths": split_paths,
    "subcomponent_out": lambda paths, graph: subcomponent(paths, graph, False),
    "subcomponent_in": lambda paths, graph: subcomponent(paths, graph, True),
    "over": over,
    "pipe": pipe,
    "map": each,
    "flatten": flatten,
    "reverse": backwards,
    "limit_layers": limit_layers,
    "split_every": split_every,
    "remove_paths": remove_paths,
}


def prepared(step):
    name, *args = step
    if name in ("over", "map"):
        args[-1] = prepared(args[-1])
    return lambda data: OPERATIONS[name](*args, data)


def layers(case):
    graph = load(case["graph"], set(case.get("exclude", [])))
    try:
        graphs = list(flatten(pipe(case["pipeline"], graph)))
    except Unfit:
        return None
    return [graph.names for graph in graphs if graph.names]


sys.setrecursionlimit(10_000)
json.dump([layers(case) for case in json.load(sys.stdin)], sys.stdout)
