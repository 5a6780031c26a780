# One image, two kinds of process: `manage.py web` (the default) and `manage.py worker`. compose.yaml starts both.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 VAR_DIR=/app/var LOG_FORMAT=json
WORKDIR /app

# Every package is a wheel with a known hash; nothing is built here.
COPY requirements/runtime.txt requirements/
RUN python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
      --only-binary :all: --no-deps --require-hashes -r requirements/runtime.txt

COPY . .
# The key signs nothing: it is gone when this step ends.
RUN SECRET_KEY=only-for-collectstatic-which-signs-nothing python manage.py collectstatic --noinput \
 && useradd --system --uid 10001 --no-create-home chat \
 && mkdir -p var && chown chat var

USER chat
EXPOSE 8000
CMD ["python", "manage.py", "web"]
