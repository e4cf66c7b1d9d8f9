"""stub"""
from headway_pipeline.analysis.contract import *
from headway_pipeline.model.features import *
class OfflineAnalyst:
    name="offline"; version="0"
    def judge_relevance(self, transcript, themes): return Relevance(True,.6,"stub")
    def extract(self, transcript):
        c=[]
        for s in transcript.segments:
            if s.side!="vendor" and "we need" in s.text:
                i=s.text.index("we need"); q=s.text[i:i+80]
                c.append(Candidate(FeatureType.FEATURE_REQUEST,q[:60],q,Urgency.LOW,"",Sentiment.NEUTRAL,0.0,.5,Origin.VOLUNTEERED,(Quote(s.index,q),)))
        return Reading(tuple(c),Sentiment.NEUTRAL,0.0)
    def match(self, items, themes): return [(ThemeScore(themes[0].id,.9),) for _ in items]
