"""A Django project with a budget: its ASGI application is wrapped. In yours this stands in ``asgi.py``.

Run it with ``python examples/host_django.py`` or ``uvicorn --app-dir examples host_django:app``.
"""

import json
import os
from datetime import timedelta

import django
import uvicorn
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from ratelimit import Budget, Policy, RateLimitMiddleware

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="example")  # noqa: S106 (an example's)
django.setup()


async def chat(request: HttpRequest) -> JsonResponse:
    """Answer as a model would, louder."""
    said = json.loads(request.body)["messages"][-1]["content"]
    return JsonResponse({"choices": [{"index": 0, "message": {"role": "assistant", "content": said.upper()}}]})


urlpatterns = [path("v1/chat/completions", chat)]
policy = Policy(budgets=(Budget(quota=60, window=timedelta(minutes=1), burst=5),), unreadable="refuse")
app = RateLimitMiddleware(get_asgi_application(), policy)

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")), lifespan="off")
