#!/usr/bin/env python3
"""Datadog's own client for DogStatsD, for the tests: sends the service checks that it reads, as JSON, from its standard
input. {"to": {"host": …, "port": …} or {"socket_path": …}, "checks": [the arguments of service_check, …]}
"""

import json
import sys

from datadog.dogstatsd import DogStatsd

told = json.load(sys.stdin)
client = DogStatsd(disable_telemetry=True, disable_buffering=True, origin_detection_enabled=False, **told["to"])
for check in told["checks"]:
    client.service_check(**check)
