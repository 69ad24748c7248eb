#!/usr/bin/env python3
"""A receiver of OTLP/HTTP metrics on 127.0.0.1 for the tests, by the official protobuf definitions: what they do not
know, or would not write in the same way, is answered 400.

Prints one line of JSON, {"port": N}, once it accepts connections. Each request becomes NNNN.json in --folder: status,
encoding and, where it was understood, the message as JSON. It never passes anything on, and ends on SIGTERM.
"""

import argparse
import gzip
import http.server
import itertools
import json
import os
import pathlib
import signal
import sys

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

JSON, PROTOBUF = "application/json", "application/x-protobuf"


def understood(encoding, body):
    """The message, or a ValueError that says why not."""
    message = ExportMetricsServiceRequest()
    if encoding == PROTOBUF:
        try:
            message.ParseFromString(body)
        except DecodeError as error:
            raise ValueError(str(error)) from error
        return message
    if encoding != JSON:
        raise ValueError(f"neither {JSON} nor {PROTOBUF}: {encoding}")
    try:
        json_format.Parse(body, message)
    except json_format.ParseError as error:
        raise ValueError(str(error)) from error
    # Names in another case and 64-bit integers that are no strings are read, and are wrong all the same.
    if json_format.MessageToDict(message) != json.loads(body):
        raise ValueError("not as the definitions write it")
    return message


def make_handler(options):
    numbers = itertools.count(1)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            encoding = self.headers.get("Content-Type", "").partition(";")[0].strip()
            record = {"path": self.path, "encoding": encoding, "status": 200}
            answer = ExportMetricsServiceResponse()
            if self.path != "/v1/metrics":
                record["status"] = 404
            else:
                try:
                    record["message"] = json_format.MessageToDict(understood(encoding, body))
                except ValueError as error:
                    record.update(status=400, why=str(error))
            if options.rejected or options.words:
                answer.partial_success.rejected_data_points = options.rejected
                answer.partial_success.error_message = options.words
            path = options.folder / f"{next(numbers):04}.json"
            part = path.with_suffix(".part")
            part.write_text(json.dumps(record, indent=1))
            os.replace(part, path)
            self.answer(record["status"], answer, encoding)

        def answer(self, status, message, encoding):
            binary = options.binary or encoding == PROTOBUF
            body = message.SerializeToString() if binary else json_format.MessageToJson(message).encode()
            self.send_response(status)
            self.send_header("Content-Type", PROTOBUF if binary else JSON)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """The first line that it prints is its port, and nothing more is asked of it."""

    return Handler


def main():
    parser = argparse.ArgumentParser(description="a receiver of OTLP metrics for tests")
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--rejected", type=int, default=0, help="so many points are answered to be rejected")
    parser.add_argument("--words", default="", help="what a partial success says")
    parser.add_argument("--binary", action="store_true", help="answers in protobuf whatever was asked")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), make_handler(options))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
