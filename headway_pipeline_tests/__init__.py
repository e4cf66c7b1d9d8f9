"""Tests of headway_pipeline: sentences, mostly logic over fakes, with real parts where they matter."""
