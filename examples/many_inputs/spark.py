"""Labels the PNG files of a folder by Spark.

python spark.py MODEL.onnx FOLDER OUT
"""

import sys
from collections.abc import Iterator

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.functions import pandas_udf

from pellucid.ray import Predictor  # needs no Ray

model, folder, out = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()


@pandas_udf("label string, probability double, error string, novelty double")
def answer(batches: Iterator[pd.Series]) -> Iterator[pd.DataFrame]:
    predictor = Predictor(model, "image")  # once for each task, not for each batch
    for images in batches:
        yield pd.DataFrame(predictor({"image": images})).drop(columns="image")


found = {"pathGlobFilter": "*.png", "recursiveFileLookup": "true"}
files = spark.read.format("binaryFile").options(**found).load(folder)
answers = files.select("path", answer("content").alias("answer")).select("path", "answer.*")
answers.write.mode("overwrite").parquet(out)
