# A server of one model, with onnxruntime, NumPy, Pillow and the server alone (docs/serving.md):
#   make wheels && cp run/model.onnx . && docker build -t my-model .
#   docker run --read-only --cap-drop ALL -p 127.0.0.1:8000:8000 my-model
FROM python:3.12-slim AS build
COPY dist/pellucid_runtime-*.whl /wheels/
RUN python -m venv /app && \
    /app/bin/pip install --no-cache-dir "$(echo /wheels/pellucid_runtime-*.whl)[serve]"

FROM python:3.12-slim
COPY --from=build /app /app
COPY model.onnx /model.onnx
ENV OMP_WAIT_POLICY=PASSIVE PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8000
HEALTHCHECK CMD ["/app/bin/python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz')"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/bin/pellucid-serve", "--host", "0.0.0.0"]
CMD ["/model.onnx"]
