"""Traces: a span for each request and for each stage, for whoever collects them; nothing else."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from scantrail.detectors.svm.detector import SvmDetector
from scantrail.errors import SettingsError
from scantrail.serve import api
from scantrail.serve.traces import Traces, traces
from scantrail.settings import Settings
from scantrail.testing import app_in_memory
from scantrail.wiring import DEMO, engine

DETECT = "/api/v1/barcode-anomaly-detect"
SAMPLE = (DEMO / "sample.json").read_bytes()
SCAN = json.loads(SAMPLE)["data"][0]
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STAGES = {"reading", "waiting", "looking", "judging", "rules", "lstm", "svm", "explaining",
          "keeping"}  # fmt: skip


@pytest.fixture(scope="module")
def demo():
    return engine(Settings())


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
def send(call, demo, spans, monkeypatch):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(api, "traces", lambda _: Traces(provider))
    return call(app_in_memory(demo))


def test_a_request_is_a_span_and_its_stages_are_inside(send, spans):
    send("POST", DETECT, content=SAMPLE)
    *stages, whole = spans.get_finished_spans()
    assert whole.name == f"POST {DETECT}"
    assert whole.parent is None
    assert dict(whole.attributes) == {
        "http.request.method": "POST",
        "http.route": DETECT,
        "http.response.status_code": 200,
        "scantrail.records": 87,
        "scantrail.suspects": 17,
    }
    assert {stage.name for stage in stages} == STAGES
    for stage in stages:
        assert stage.parent.span_id == whole.context.span_id
        assert whole.start_time <= stage.start_time <= stage.end_time <= whole.end_time, stage.name


def test_a_callers_trace_goes_on(send, spans, logged):
    lines = logged("info")
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    assert send("GET", "/api/reports", headers=headers).status_code == 200
    [span] = spans.get_finished_spans()
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    assert lines()[0]["trace_id"] == TRACE


@pytest.mark.parametrize("header", ["", "00-0-0-01", "no trace at all", "00-" + "f" * 500])
def test_a_header_that_names_no_trace_is_passed_over(send, spans, header):
    assert send("GET", "/api/reports", headers={"traceparent": header}).status_code == 200
    assert spans.get_finished_spans()[0].parent is None


def test_a_caller_who_samples_it_out_gets_no_span(send, spans):
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
    assert send("POST", DETECT, content=SAMPLE, headers=headers).status_code == 200
    assert spans.get_finished_spans() == ()


def test_degradation_and_failure_are_seen(send, spans, monkeypatch):
    def fails(*_):
        raise ValueError("broken")

    monkeypatch.setattr(SvmDetector, "judge", fails)
    send("POST", DETECT, content=json.dumps({"data": [SCAN]}))
    assert spans.get_finished_spans()[-1].attributes["scantrail.degraded"] == ("svm",)
    monkeypatch.setattr("scantrail.serve.views.figures", fails)
    assert send("GET", "/api/manager/kpi").status_code == 500
    assert spans.get_finished_spans()[-1].status.status_code is StatusCode.ERROR


@pytest.fixture
def collector():
    """A real collector on a port of its own: its URL, and the spans' names that it was sent."""
    named = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent = ExportTraceServiceRequest.FromString(body)
            for group in sent.resource_spans:
                about = {each.key: each.value.string_value for each in group.resource.attributes}
                named.extend(
                    (self.path, about["service.name"], span.name)
                    for scope in group.scope_spans
                    for span in scope.spans
                )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", named
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("ending", ["", "/", "/v1/traces"])
def test_spans_reach_a_collector(call, demo, collector, monkeypatch, ending):
    url, named = collector
    made = traces(url + ending)
    monkeypatch.setattr(api, "traces", lambda _: made)
    call(app_in_memory(demo))("POST", DETECT, content=SAMPLE)
    made.close()
    assert {path for path, *_ in named} == {"/v1/traces"}
    assert {service for _, service, _ in named} == {"scantrail"}
    assert {name for *_, name in named} == STAGES | {f"POST {DETECT}"}


def test_opentelemetrys_own_variables_do_as_well(collector, monkeypatch):
    url, named = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "gate")
    made = traces("")
    span = made._tracer.start_span("one")
    span.end()
    made.close()
    assert named == [("/v1/traces", "gate", "one")]
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert traces("") is None


def test_by_default_nothing_of_it_is_imported():
    code = (  # the client of Redis imports it where it finds it
        "import sys; sys.modules['redis'] = None; import scantrail.serve.api; "
        "print('opentelemetry.sdk' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
    assert traces("") is None


def test_an_endpoint_needs_the_extra(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError) as caught:
        traces("http://127.0.0.1:4318")
    assert str(caught.value) == (
        "otlp_endpoint is set, but OpenTelemetry is not installed: pip install 'scantrail[otel]'"
    )
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert traces("") is None
    assert "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed" in caplog.text


def test_an_endpoint_is_a_url():
    with pytest.raises(SettingsError) as caught:
        traces("127.0.0.1:4318")
    assert str(caught.value) == (
        "otlp_endpoint is '127.0.0.1:4318'; expected the URL of a collector that speaks OTLP over "
        "HTTP, e.g. http://127.0.0.1:4318"
    )
