# kbsc_tf on the CPU, with the command kbsc and the notebooks.
#   docker build -t kbsc_tf .
#   docker run --rm -v "$PWD/results:/home/kbsc/results" kbsc_tf run quickstart
#   docker run --rm -p 8888:8888 --entrypoint jupyter kbsc_tf lab --ip 0.0.0.0 notebooks
FROM python:3.11-slim

RUN useradd --create-home kbsc
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir -c constraints.txt '.[notebooks,tensorboard]' jupyterlab

USER kbsc
WORKDIR /home/kbsc
RUN kbsc notebooks && mkdir results
ENTRYPOINT ["kbsc"]
CMD ["--help"]
