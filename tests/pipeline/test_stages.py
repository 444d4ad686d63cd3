"""What a run says of its stages while they last and once they are over."""

import io
import re

from pellucid.pipeline.run.stages import Stages


def test_a_stage_that_is_over_has_the_words_that_came_up_or_those_for_its_end():
    said = io.StringIO()
    stages = Stages(said)
    with stages.stage("writing", "wrote"):
        pass
    with stages.stage("writing", "wrote") as stage:
        stage.words = "wrote three files"
    with stages.stage("planning"):
        pass
    lines = re.sub(r"\d+\.\d s", "0.0 s", said.getvalue()).splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "wrote  0.0 s",
        "wrote three files  0.0 s",
        "planning  0.0 s",
    ]
