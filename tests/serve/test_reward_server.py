"""The reward server over real HTTP: four protocols by hand, what has no reward, who may ask, and how much."""

import concurrent.futures
import contextlib
import json
import math
import threading
import time

import pytest
from reward_servers import ByLength, running

from judgecli.errors import EnvironmentFailure, UsageError
from judgecli.reward.outcome import Outcome
from judgecli.serve.reward_server import RewardServer, ServeSettings, is_loopback
from judgecli.serve.reward_wire import RefusedRequest, Template, to_share

CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "0123456789"}, {"role": "assistant", "content": "abc"}]
TEMPLATE = Template("<u>{input}</u><a>{output}</a>", ("</s>",))


@pytest.fixture(scope="module")
def server():
    with running(ByLength(), template=TEMPLATE, most_rows=50, longest_text=5000, largest_body=1 << 16) as found:
        yield found


def test_own_protocol(server):
    status, reply = server.post("/v1/rewards", {"inputs": ["0123456789", None, "", "q"], "outputs": ["abc", "abcd", "null", None]})
    assert status == 200
    assert reply["rewards"] == [2.0, 4.0, None, None]  # 3 - 10 / 10, 4 - 0
    assert reply["reasons"] == [None, None, "not_applicable", "input_missing_field"]
    assert reply["sd"] == [0.5, 0.5, None, None]
    assert reply["outside"] == [False, False, None, None]
    assert (reply["name"], reply["identity"]) == ("by_length", "0123456789abcdef")


def test_own_protocol_brings_the_other_columns():
    reward = ByLength()
    with running(reward) as server:
        document = {"outputs": ["a", "b"], "references": ["r", None], "contexts": [["c", "d"], None], "tags": {"country": ["de", None]}}
        assert server.post("/v1/rewards", document)[0] == 200
    (rows,) = reward.seen
    assert rows == {"output": ["a", "b"], "reference": ["r", None], "contexts": [["c", "d"], None], "tags_country": ["de", None]}


def test_vllm_classify(server):
    status, reply = server.post("/classify", {"model": "/x/JUDGE_MARK", "messages": CHAT, "use_activation": False})
    assert status == 200
    assert reply["object"] == "list"
    assert reply["data"] == [{"index": 0, "label": "LABEL_0", "probs": [2.0], "num_classes": 1}]
    assert reply["model"] == "by_length@0123456789abcdef"
    texts = ["<u>0123456789</u><a>abc</s></a>", "<u></u><a>abcd</a>"]
    status, reply = server.post("/classify", {"model": "any", "input": texts, "use_activation": False})
    assert [row["probs"][-1] for row in reply["data"]] == [2.0, 4.0]
    assert [row["index"] for row in reply["data"]] == [0, 1]


def test_tei_predict(server):
    for inputs, expected in (
        ([["0123456789", "abc"], ["", "abcd"]], [[{"score": 2.0, "label": "LABEL_0"}], [{"score": 4.0, "label": "LABEL_0"}]]),
        ([["<u></u><a>abcd</a>"]], [[{"score": 4.0, "label": "LABEL_0"}]]),
        (["0123456789", "abc"], [{"score": 2.0, "label": "LABEL_0"}]),
        ("<u>0123456789</u><a>abc</a>", [{"score": 2.0, "label": "LABEL_0"}]),
    ):
        assert server.post("/predict", {"inputs": inputs, "raw_scores": True, "truncate": True}) == (200, expected)


def test_openrlhf(server):
    document = {"query": ["0123456789abc</s>", "<u>q</u><a>abcd</a>"], "prompts": ["0123456789", "something else"], "labels": ["gold", 4]}
    status, reply = server.post("/get_reward", document)
    assert status == 200
    assert reply["rewards"] == [2.0, 3.9]
    assert reply["scores"] == pytest.approx([1 / (1 + math.exp(-2.0)), 1 / (1 + math.exp(-3.9))])
    assert reply["extra_logs"] == {"outside": [0.0, 0.0], "sd": [0.5, 0.5]}


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/classify", {"input": ["<u>q</u><a>abc</a>", "<u>q</u><a>null</a>"], "use_activation": False}),
        ("/predict", {"inputs": [["q", "abc"], ["q", "null"]], "raw_scores": True}),
        ("/get_reward", {"query": ["qabc", "qnull"], "prompts": ["q", "q"]}),
    ],
)
def test_a_row_without_a_reward_is_named_where_the_protocol_knows_no_null(server, path, document):
    status, reply = server.post(path, document)
    assert status == 422
    assert reply["error"]["rows"] == [1]
    assert reply["error"]["message"] == "row 1 has no reward: not_applicable"


@pytest.mark.parametrize(
    ("path", "document", "status", "said"),
    [
        ("/classify", {"messages": CHAT}, 422, "use_activation: false"),
        ("/classify", {"messages": CHAT, "use_activation": True}, 422, "use_activation: false"),
        ("/classify", {"messages": CHAT[:2], "use_activation": False}, 422, "last message must be a text of the assistant"),
        ("/classify", {"messages": CHAT, "input": "x", "use_activation": False}, 422, "one of input and messages"),
        ("/classify", {"input": [[1, 2, 3]], "use_activation": False}, 422, "input[0] is no text"),
        ("/classify", {"input": "no form", "use_activation": False}, 422, "does not have the form of --template"),
        ("/classify", {"input": "<u>a</u><a>b</u><a>c</a>", "use_activation": False}, 422, "occurs twice"),
        ("/predict", {"inputs": [["q", "a"]]}, 422, "raw_scores: true"),
        ("/predict", {"inputs": ["a", "b", "c"], "raw_scores": True}, 422, "nested"),
        ("/predict", {"inputs": [["a", "b", "c"]], "raw_scores": True}, 422, "nested"),
        ("/predict", {"inputs": [], "raw_scores": True}, 422, "inputs is neither"),
        ("/get_reward", {"query": ["a"], "prompts": ["a", "b"]}, 422, "different lengths"),
        ("/get_reward", {"query": ["answer"], "prompts": ["other prompt"]}, 422, "form of --template"),
        ("/v1/rewards", {"outputs": ["a"], "model": "rm:/etc"}, 422, "no key 'model'"),
        ("/v1/rewards", {"inputs": ["a"]}, 422, "outputs is no list"),
        ("/v1/rewards", {"outputs": ["a"], "inputs": ["a", "b"]}, 422, "different lengths"),
        ("/v1/rewards", {"outputs": ["a"], "contexts": ["b"]}, 422, "contexts[0] is no list of texts"),
        ("/v1/rewards", {"outputs": ["a"] * 51}, 413, "more than 50 rows"),
        ("/v1/rewards", {"outputs": ["a", "b" * 5001]}, 413, "more than 5000 characters"),
        ("/v1/rewards", ["a"], 400, "no JSON object"),
        ("/v1/models", {}, 404, "/v1/rewards"),
        ("/v1/rewards/../../x/JUDGE_MARK", {}, 404, "/v1/rewards"),
    ],
)
def test_what_is_refused(server, path, document, status, said):
    found, reply = server.post(path, document)
    assert found == status
    assert said in reply["error"]["message"]


def test_without_a_template_a_text_in_one_piece_is_refused():
    with running(ByLength()) as server:
        status, reply = server.post("/classify", {"input": "some text", "use_activation": False})
        assert status == 422
        assert "--template" in reply["error"]["message"]
        assert server.post("/get_reward", {"query": ["b"], "prompts": ["a"]})[0] == 422
        assert server.post("/get_reward", {"query": ["ab"], "prompts": ["a"]})[1]["rewards"] == [0.9]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"outputs": ["a"], "inputs": [NaN]}', b"\xff\xfe", b"[" * 1_025, b'{"outputs": ["\\ud800"]}', b"null", b"1e999"],
)
def test_bodies_that_are_none(server, body):
    status, _, reply = server.send("POST", "/v1/rewards", body, {"content-type": "application/json"})
    assert status == 400
    assert "error" in json.loads(reply)


def test_content_type_method_and_size(server):
    assert server.send("POST", "/v1/rewards", b"{}", {"content-type": "text/plain"})[0] == 415
    assert server.send("GET", "/v1/rewards")[0] == 405
    assert server.send("POST", "/health")[0] == 405
    status, headers, _ = server.send("POST", "/v1/rewards", b"x" * (1 << 17), {"content-type": "application/json"})
    assert (status, headers["connection"]) == (413, "close")


def test_chunked_bodies_have_a_cap_too(server):
    with server.connect() as connection:
        connection.sendall(b"POST /v1/rewards HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        with pytest.raises(OSError):  # noqa: PT011, PT012 - reset or broken pipe, as the system likes
            for _ in range(2000):
                connection.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")


# Who may ask ------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil", "", "[::2]", "127.0.0.2", "local host"])
def test_another_host_name_is_refused_on_loopback(server, host):
    assert server.post("/v1/rewards", {"outputs": ["a"]}, host=host)[0] in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]:9"])
def test_own_names_are_served(server, host):
    assert server.post("/v1/rewards", {"outputs": ["a"]}, host=host)[0] == 200


def test_web_pages_are_refused(server):
    assert server.post("/v1/rewards", {"outputs": ["a"]}, origin="http://localhost:3000")[0] == 403


def test_token():
    with running(ByLength(), token="a-token-of-16-or-more") as server:  # noqa: S106 - a test's own
        assert server.post("/v1/rewards", {"outputs": ["a"]})[0] == 401
        for wrong in ("Bearer a-token-of-16-or-mor", "Bearer ", "Basic a-token-of-16-or-more", "a-token-of-16-or-more", "Bearer a-token-of-16-or-morex"):
            assert server.post("/v1/rewards", {"outputs": ["a"]}, authorization=wrong)[0] == 401
        assert server.post("/v1/rewards", {"outputs": ["a"]}, authorization="Bearer a-token-of-16-or-more")[0] == 200
        assert server.send("GET", "/metrics")[0] == 401
        assert server.send("GET", "/health")[0] == 200
        status, headers, body = server.send("POST", "/v1/rewards", b"{}", {"content-type": "application/json", "authorization": "Bearer \xff"})
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
        assert b"a-token" not in body


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("box.lan", False)],  # noqa: S104
)
def test_others_need_a_token(host, own):
    assert is_loopback(host) is own
    if own:
        ServeSettings(host=host).check()
    else:
        with pytest.raises(UsageError, match="no token is wanted"):
            RewardServer(ByLength(), ServeSettings(host=host))
        ServeSettings(host=host, token="x" * 16).check()


def test_a_port_that_is_taken_is_named():
    with running(ByLength()) as server, pytest.raises(EnvironmentFailure, match=f"127.0.0.1:{server.port}"):
        RewardServer(ByLength(), ServeSettings(port=server.port)).listen()


# How much ---------------------------------------------------------------------------------------


def test_requests_that_wait_are_one_batch_and_get_their_own_rows():
    reward = ByLength(pause_s=0.05)
    with running(reward, batch_rows=64) as server, concurrent.futures.ThreadPoolExecutor(24) as pool:
        documents = [{"outputs": ["x" * (number + place) for place in range(3)]} for number in range(1, 25)]
        replies = list(pool.map(lambda document: server.post("/v1/rewards", document), documents))
    for number, (status, reply) in enumerate(replies, 1):
        assert status == 200
        assert reply["rewards"] == [number, number + 1, number + 2]
    assert sum(reward.batches) == 72
    assert len(reward.batches) < 24
    assert max(reward.batches) <= 64


def test_a_request_that_breaks_the_reward_breaks_no_other():
    with running(ByLength(pause_s=0.05)) as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
        outputs = ["ab", "raise", "abcd", "raise", "a"]
        replies = list(pool.map(lambda output: server.post("/v1/rewards", {"outputs": [output]}), outputs))
        assert [reply["rewards"][0] for _, reply in replies] == [2.0, None, 4.0, None, 1.0]
        assert replies[1][1]["reasons"] == ["metric_error"]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_never_leaves(number):
    class Broken(ByLength):
        def _one(self, output, given):  # noqa: ARG002 - the shape of the other
            return Outcome(number)

    with running(Broken()) as server:
        assert server.post("/v1/rewards", {"outputs": ["a"]})[1]["reasons"] == ["metric_error"]
        assert server.post("/predict", {"inputs": [["q", "a"]], "raw_scores": True})[0] == 422


def test_too_many_requests_at_once_are_sent_away():
    with running(ByLength(pause_s=0.5), most_requests=4) as server, concurrent.futures.ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: server.send("POST", "/v1/rewards", b'{"outputs": ["a"]}', {"content-type": "application/json"}), range(12)))
        statuses = [status for status, _, _ in found]
        assert statuses.count(200) >= 4
        assert statuses.count(503) >= 1
        assert set(statuses) == {200, 503}
        assert all(headers["retry-after"] == "1" for status, headers, _ in found if status == 503)
        metrics = server.send("GET", "/metrics")[2].decode()
    assert f'judge_rejected_total{{why="busy"}} {statuses.count(503)}' in metrics
    assert f'judge_requests_total{{path="/v1/rewards",status="200"}} {statuses.count(200)}' in metrics


def test_metrics_count_what_happened():
    with running(ByLength()) as server:
        server.post("/v1/rewards", {"outputs": ["a", "null", "abc"]})
        server.post("/classify", {"input": "x"})
        server.post("/nowhere", {})
        status, headers, body = server.send("GET", "/metrics")
        assert status == 200
        assert headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = body.decode().splitlines()
    for line in (
        'judge_requests_total{path="/v1/rewards",status="200"} 1',
        'judge_requests_total{path="/classify",status="422"} 1',
        'judge_rejected_total{why="bad_request"} 1',
        "judge_rewards_total 2",
        'judge_missing_total{reason="not_applicable"} 1',
        "judge_in_flight 1",
        'judge_batch_rows_bucket{le="4"} 1',
        'judge_batch_rows_bucket{le="2"} 0',
        "judge_request_seconds_count 2",
    ):
        assert line in lines, line


def test_slow_and_silent_clients_are_closed():
    with running(ByLength(), body_s=0.6, idle_s=0.6) as server:
        silent, head, body = server.connect(), server.connect(), server.connect()
        with silent, head, body:
            head.sendall(b"POST /v1/rewards HTTP/1.1\r\nhost: localhost\r\n")
            body.sendall(b'POST /v1/rewards HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"out')
            stop = threading.Event()

            def drip():
                while not stop.is_set():
                    try:
                        head.sendall(b"x-more: y\r\n")
                        body.sendall(b" ")
                    except OSError:
                        return
                    time.sleep(0.1)

            thread = threading.Thread(target=drip)
            thread.start()
            started = time.monotonic()
            try:
                assert silent.recv(1) == b""
                assert b"408" in body.recv(1000)
                wait_for_end(head)
            finally:
                stop.set()
                thread.join()
            assert time.monotonic() - started < 10
        assert server.post("/v1/rewards", {"outputs": ["a"]})[0] == 200


def wait_for_end(connection):
    with contextlib.suppress(ConnectionError):
        while connection.recv(1000):
            pass


# Pieces by hand ---------------------------------------------------------------------------------


def test_template_by_hand():
    assert TEMPLATE.split("<u>q</u><a>answer</s></s></a>", row=0, other="") == ("q", "answer")
    assert Template("{output}").split("all of it", row=0, other="") == (None, "all of it")
    assert Template("Q: {input}\nA: {output}").split("Q: \nA: ", row=0, other="") == ("", "")
    for text in ("<u>q</u><a>answer", "q</u><a>x</a>", "<u>q<a>x</a>", "", "<u></a>"):
        with pytest.raises(RefusedRequest):
            TEMPLATE.split(text, row=0, other="")


def test_overlapping_head_and_tail_are_no_form():
    with pytest.raises(RefusedRequest):
        Template("ab{output}bc").split("abc", row=0, other="")


def test_shares():
    assert to_share(3.0, (1.0, 5.0)) == 0.5
    assert to_share(-800.0, (None, None)) == pytest.approx(0.0, abs=1e-300)
    assert to_share(800.0, (None, 1.0)) == 1.0
