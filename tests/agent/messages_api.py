"""A stand-in for the Messages API on loopback: it answers with the words that it was asked to remember."""

import http.server
import json
import re


def remembered(request):
    words = re.findall(r"remember (\w+)", json.dumps(request.get("messages", [])))
    return "remembered: " + " ".join(dict.fromkeys(words))


def message(request):
    usage = {"input_tokens": 5, "output_tokens": 1}
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": request.get("model", "any"),
            "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}


def events(request):
    yield {"type": "message_start", "message": message(request)}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "content_block_delta", "index": 0,
           "delta": {"type": "text_delta", "text": remembered(request)}}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
           "usage": {"output_tokens": 4}}
    yield {"type": "message_stop"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, body, kind="application/json"):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(b"{}")

    def do_HEAD(self):
        self.answer(b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if not self.path.split("?")[0].endswith("/v1/messages"):
            return self.answer(b'{"input_tokens": 5}')
        request = json.loads(body)
        if request.get("stream"):
            lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events(request))
            return self.answer("".join(lines).encode(), "text/event-stream")
        text = {"type": "text", "text": remembered(request)}
        whole = message(request) | {"content": [text], "stop_reason": "end_turn"}
        return self.answer(json.dumps(whole).encode())


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
