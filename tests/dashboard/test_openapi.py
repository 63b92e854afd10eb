"""The OpenAPI document, and requests generated from it."""

import pytest
from serving import HTTP

from seqbayes.dashboard import generate, views
from seqbayes.dashboard.server import openapi


def routes(site):
    found = {}
    for route in site.routes:
        path = route.path.replace(":path", "")
        for method in route.methods - {"HEAD"}:
            found.setdefault(path, set()).add(method.lower())
    return found


def test_the_document_contains_every_route_of_the_api(serve):
    paths = {path: set(item) for path, item in openapi.document()["paths"].items()}
    known = {p for p in routes(serve(HTTP).site) if p.startswith(("/api/", "/metrics"))}
    general = {
        "/api/beliefs/{rest}": {"/api/beliefs/{name}", "/api/beliefs/{name}/{key}"},
        "/api/choose/{rest}": {"/api/choose/{name}"},
        "/api/compare/{rest}": {"/api/compare/{name}"},
        "/api/history/{rest}": {"/api/history/{name}"},
        "/api/replay/{story}": {"/api/replay/mms", "/api/replay/coins"},
        "/api/openapi.json": set(),
    }
    result = set().union(*(general.get(path, {path}) for path in known))
    assert result == set(paths)


def test_references_are_complete():
    document = openapi.document()
    names = set(document["components"]["schemas"])

    def references(value):
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"].rpartition("/")[2]
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    assert set(references(document)) <= names


# schemathesis uses deprecated functions of its dependencies
@pytest.mark.filterwarnings("ignore")
def test_responses_match_the_document(serve):
    """Random requests from the document, valid and invalid ones."""
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, Phase, given, settings

    server = serve(HTTP.replace("[belief", "history = false\n[belief", 1))
    server.post([{"shop": shop, "sold": True} for shop in "abc"])
    server.until(lambda: server.get("/api/beliefs/sales")["total"] == 3)
    schema = schemathesis.openapi.from_dict(server.get("/api/openapi.json"))
    schema.config.update(base_url=server.url)
    modes = schemathesis.GenerationMode
    named = schemathesis.checks
    checks = [
        named.not_a_server_error,
        named.status_code_conformance,
        named.content_type_conformance,
        named.response_schema_conformance,
    ]
    asked = set()
    for operation in schema.get_all_operations():
        found = operation.ok()
        if found.path in ("/api/stream", "/api/replay/{id}/stream"):  # they never end
            continue
        result = openapi.document()["paths"][found.path][found.method.lower()]
        # every text in a path is valid
        varied = "requestBody" in result or any(
            p["in"] == "query" for p in result.get("parameters", [])
        )
        for mode in (modes.POSITIVE, modes.NEGATIVE)[: 2 if varied else 1]:

            @settings(
                max_examples=5,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=found.as_strategy(generation_mode=mode))
            def ask(case):
                response = case.call(headers=server.bearer)
                asked.add((case.method, case.path, response.status_code))
                assert response.status_code < 500, response.text
                case.validate_response(response, checks=checks)

            ask()
    assert {path for _, path, status in asked if status == 200} >= {"/api/beliefs", "/api/health"}
    assert 422 in {status for _, _, status in asked}


def test_the_generated_files_are_up_to_date():
    assert generate.KINDS.read_text(encoding="utf-8") == generate.kinds()
    assert generate.METHODS.read_text(encoding="utf-8") == generate.client_methods()


def test_the_document_lists_the_kinds_of_the_views():
    schemas = openapi.document()["components"]["schemas"]
    for name in ("BeliefInfo", "Card", "Detail", "Marginal"):
        assert schemas[name]["properties"]["kind"]["enum"] == list(views.all_views())
