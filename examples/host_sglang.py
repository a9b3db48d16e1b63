"""SGLang's server with a budget: its application is imported, given one middleware more, and launched.

Needs ``sglang``, and what a model needs. It takes the launcher's arguments: ``python examples/host_sglang.py
--model-path ...``. With several tokenizer workers each process imports the application anew, and without this: run one.
"""

import sys
from datetime import timedelta

from sglang.launch_server import run_server
from sglang.srt.entrypoints.http_server import app
from sglang.srt.server_args import prepare_server_args

from ratelimit import Budget, Policy, RateLimitMiddleware

policy = Policy(budgets=(Budget(quota=60, window=timedelta(minutes=1), burst=5),))
app.add_middleware(RateLimitMiddleware, policy=policy)

if __name__ == "__main__":
    run_server(prepare_server_args(sys.argv[1:]))
