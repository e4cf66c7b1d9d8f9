"""What customers say when they ask for something, report something broken, or suffer from something; in English.

The strength of a phrase is how often, by and large, a clause that holds it is what it seems: .85 hardly means
anything else, .6 mostly does not, .3 counts only beside another. `phrases.py` explains how phrases are written. Plain
words of pain and failure count less than whole phrases, because calls are full of other people's problems.
"""

from headway_pipeline.model.features import FeatureType

__all__ = ["ENGLISH"]

_REQUEST_STRONG = """
would|it'd|that'd|will be ..2 great|nice|good|awesome|helpful|useful|amazing if|to|for|when|have
would|it'd|that'd|will be ..2 cool|ideal|lovely|fantastic|handy|perfect|better if|to|for|when|have
would|it'd|that'd be ..2 awesome|helpful|useful|amazing|ideal|fantastic|handy|perfect|valuable|great
would|i'd|we'd really? love|like|prefer|want it? if|to see|have|get|be|use|do|add
would|i'd|we'd really? love|like|prefer|want it? if|to know|export|import|filter|share|track|set
would|i'd|we'd really? love|prefer|want a|an|some|more|better|the ability|option
wish i|we|you|it|there|they|the|that|this|your
wishing there|it|you
is|isn't|was|are there a|any|some ..2 way|ways|option|options to|for|of|that|where|we|i|you
is|isn't|was|are there a|any|some ..2 setting|possibility|plan|plans to|for|of|that|where|we|i|you
can|could|would|will you please? add|support|make it|the|a|an|this|that|them|us|more|dark
can|could you guys|please|maybe|possibly add|make|build|support|include|allow|give|enable|expose|let
could|can you let|allow us|me|people|users|them
please|pls|plz ..1 add|support|make|allow|let|include|bring|give|implement|provide|introduce|enable|improve|change|put
need|needs|should|must ..1 give|add|implement|introduce|bring us|a|an|the|more|better|some|support|back
feature request|requests
request|requesting a|an|the|for ..3 feature|option|ability|support|way
on our|my wish list|wishlist
if i|we had a magic wand
should|must be able|possible to
needs|need to be able|possible to
need|needs|want|wants|like|love|have|give|having ..3 ability|option|possibility|capability to|of|for
need|needs|want|wants ..2 to be able to
be much? happier|easier|better|nicer|simpler if|to|when
"""

_REQUEST_FAIR = """
would|i'd|we'd ..2 like|love|prefer to|it|that|for|if
should|must|needs|need to? support|allow|include|let|notify|remind|integrate|provide
should|must|needs|need to? have|offer|show a|an|the|us|me|you|some|more|for|all
would|i'd|we'd like|want|love the|our|all|each|every|an|a|it|them ..3 to
we|i|they|users|people need a|an|some|more|better|support|something|another|proper|native
we|i|they want|require a|an|some|more|better|proper|native
we|i need this|that|it to|for|in|by|before
we|i|they really|also? need|require !to|you|it|this|that|them|people|time|help|him|her|somebody|someone|more
we|i|they definitely|just? need|require !to|you|it|this|that|them|people|time|help|him|her|somebody|someone|more
need to have a|an|the|some
is|are|was|were ..2 missing
missing a|an|the|is|feature|features
what's|what|that's|thing ..2 missing is|from
thing|feature|bit i|we|i'm ..1 miss|missing|lack|lacking
there's|there is|are|isn't|was no|not|any ..2 way|option|button|support|setting|api|integration|possibility to|for|of
there's no way|option|button|support|setting|api|integration|possibility to|for|of
no support|way for|to
doesn't|don't|does|do not? yet? support|allow|let|offer|integrate
not supported|possible|available yet|today|currently|right|at
looking for a|some|something|any ..2 way|tool|option|solution|that|to
why can't|don't|doesn't|isn't|aren't i|we|you|it|there|they
if only
if it|you|there|they ..1 had|supported|offered|allowed
it|this|that|app|tool|product really|also|definitely|still? needs a|an|some|more|better|way|support|option
should|must be added|included|supported|implemented|improved|changed
why no|not
if|when you|we|i|they|there could|had|was|were only?
ideally
in an ideal|perfect world
hoping|hope you|for|to|that|we ..4 add|support|see|get|have|able|be
any chance|plans|plan of|to|for|you|on
on the|your roadmap
we|you|they could|can also? add|include|allow|offer
consider adding|supporting|making|letting|offering|having
suggest|suggestion|propose|recommend|idea|request|ask|feedback is|to|would|adding|that|making|having
how|what about adding|having|making|a
instead|rather of|than having to
improve|improved|improvement|improvements|enhance|enhancement to|in|on|for|would
would|could be ..1 useful|helpful|valuable|easier|simpler|better|nice|worth
should ..1 be able|allowed|possible|required|notified|confirmed|encrypted|logged|kept|stored|visible|shown
must ..1 be able|allowed|possible|required|notified|confirmed|encrypted|logged|kept|stored|visible|shown
able|ability|option|possibility to ..2 see|view|export|import|filter|search|share
capability|capabilities|functionality to ..2 see|view|export|import|filter|search|share
able|ability|option|possibility|capability|capabilities|functionality to ..2 edit|delete|add|change|set|define
able|ability|option|possibility to ..2 customise|customize|create|get|track|choose|select
capability|capabilities|functionality to ..2 customise|customize|create|get|track|choose|select
able|ability|option|possibility to ..2 configure|specify|update|download|upload|test
capability|capabilities|functionality to ..2 configure|specify|update|download|upload|test
the system|app|tool|platform|product|software should|must|needs|has to
add|adding|build|implement|create ..2 support|option|button|feature|integration|filter|setting|api|ability
looking forward to
"""

_REQUEST_FAINT = """
need|want|like|love|prefer to see|have|export|import|filter|share|edit|customise|customize|automate|track|integrate
would be
should have|be|get
could have|be|get
maybe|perhaps you|we|it|they could|can|should
more|better control|flexibility|options|granular|integration|integrations
more|better support|documentation|examples|guidance|visibility
easier|simpler|better|quicker way to|of|for
can|could you|we
it ..1 would|could
promising|exciting
"""

_BUG_STRONG = """
crash~|freeze~|froze|frozen
hangs|hanging|hung
stuck|stuck on|at|in the|a|loading|this|that ..2 screen|page|step|loop|state
doesn't|don't|didn't|isn't|aren't|wasn't ..1 load|loading|save|saving|sync|syncing|connecting|connect|open|opening
won't|wouldn't|can't|never|not ..1 load|loading|save|saving|sync|syncing|connecting|connect|open|opening
doesn't|don't|didn't|isn't|aren't|wasn't|won't|wouldn't|can't|never|not ..1 update|updating|respond|responding|start
doesn't|don't|didn't|isn't|aren't|wasn't|won't|wouldn't|can't|never|not ..1 starting|play|playing|render|rendering
doesn't|don't|didn't|isn't|aren't|wasn't|won't|wouldn't|never|not ..1 work|working
stopped|stops|quit work|working|loading|syncing|responding|sending|playing|updating
bug|bugs|buggy|glitch|glitches|glitchy|glitching
error|errors message|messages|code|codes|when|every|while|saying|says|that
throw~|threw|thrown ..3 error|errors|exception|exceptions
get|gets|getting|got|see|seeing|saw|give ..3 error|errors|exception|exceptions|404|500|502|503|504|timeout|timeouts
gives|gave|giving|return|returns|returned|returning|with ..3 error|errors|exception|exceptions|404|500
gives|gave|giving|return|returns|returned|returning|with ..3 502|503|504|timeout|timeouts
return|returns|returned|returning ..3 404|500|502|503|504|wrong|nothing|empty
lose~|lost|losing|drop~|delete~ ..3 data|changes|work|records|events|entries|messages|photos|files
lose~|lost|losing|drop~|delete~ ..3 everything|rows|telemetry|logs|metrics|spans|traces|settings
data loss
lost|losing|lose|loses all|everything|half|most
lost|losing|lose|loses ..3 draft|drafts|document|documents|note|notes|order|orders|history|edits|comments|progress
silently ..1 drop~|fail~|lose~|lost|losing|ignore~
disappear~|vanish~
went|gone|goes missing|blank|black|white
blank|white|black screen|page
wrong|incorrect ..1 number|numbers|total|totals|data|value|values|date|dates|amount|amounts
wrong|incorrect ..1 result|results|count|counts|figure|figures|order|time|timezone|name|currency
numbers|totals|figures|counts|amounts don't|doesn't|didn't|never match|add|agree|reconcile
log|logs|logged|kick~|sign|signs|throws me|us|them|people|you|users out
memory leak
corrupt~
is|was|went|goes|been|be down|offline ..1 again|today|yesterday|for|all|twice|since
can't|cannot|couldn't|unable to? ..1 log|login|sign|connect|open|save|load
can't|cannot|couldn't|unable to? ..1 install|access|download|upload|submit|print|play
not|isn't|aren't|wasn't|doesn't|don't|didn't ..2 properly|correctly
"""

_BUG_FAIR = """
broken|broke
fail~|failed|failing
fails|failed to|when|silently|with|every
exception|exceptions|stack trace
times|timed|timing|time out
timeout|timeouts
regression
outage|outages
lag|lags|lagging|laggy
after|since the|that|this|your|last|latest|i|we ..2 update|upgrade|release|version|updated|upgraded
used to work
it|this|that worked before|until|fine
incorrectly
duplicate~|twice ..2 rows|records|entries|row|record|entry|charged|events
spins|spinning forever
nothing happens|happened
unusable
fix|fixed|fixing the|this|that|it|asap|please|your
please|pls|plz ..1 fix|resolve|sort
problem|problems|issue|issues with|when|where|in ..3 login|logging|loading|saving|syncing|sync
problem|problems|issue|issues with|when|where|in ..3 upload|uploading|connection|update|version|exporter
doesn't|don't|won't|didn't ..1 show|appear|display|send|export|match|update|recognise|recognize
doesn't|don't|won't|didn't ..1 come|let|return|trigger|fire|scale|refresh|retry
is|are|was|were not|never ..1 showing|appearing|displayed|sent|exported|exporting|updated|triggered|received
not able to !be|do|say|make|come|get
can't|cannot|won't even
still can't|won't|doesn't
fix|fixed this|the|that|it|app|bug|problem|issue|please
should|must|needs|need ..1 be fixed
makes|make|made it unusable|useless|impossible
"""

_BUG_FAINT = """
error|errors
breaks|breaking
issue|issues|problem|problems
unexpected|unexpectedly|inconsistent|weird|strange|randomly|intermittent|intermittently|flaky
every time i|we|you|it
missing|gone|lost
wrong|incorrect
leak~
"""

_PAIN_STRONG = """
painful|tedious|cumbersome|clunky|clumsy|annoying|frustrating|irritating
infuriating|unintuitive|nightmare|headache|headaches|hassle|burdensome
frustrate~|annoys|annoyed|confuse~|confusing|confused
pain point|points
pain|trouble|hard|tough|difficult in|to|time ..3 use|find|set|manage|maintain|get|keep|do|see
pain|trouble|hard|tough|difficult in|to|time ..3 know|understand|figure|debug|navigate|configure|track|explain
big|biggest|huge|major|real|main|constant ..1 pain|problem|issue|challenge|frustration
big|biggest|huge|major|real|main|constant ..1 bottleneck|headache|complaint|struggle
take~|took|taking|taken us|me|them|our|you|people|everyone|somebody ..4 hours|hour|days|day|weeks|week|months
take~|took|taking|taken us|me|them|our|you|people|everyone|somebody ..4 minutes|forever|ages|long|time|while
takes|took|taking|take ..4 hours|days|weeks|months|minutes|forever|ages|too
takes|took|take so|too|very|really much? long|time
spend~|spent ..5 hours|hour|days|weeks|half|minutes|time|most|lot
struggle~ with|to|because|when|every|a
have|having|had a hard|tough|difficult|bad time
manually
by hand
one by one
manual|repetitive|tedious process|work|entry|step|steps|scheduling|task|tasks|effort
copy|copying|copies and? paste|pasting|everything|data|it
have|had|has|need|needs to ..6 every time|single|week|month|day|morning|again|over|manually|twice|separately
waste~ ..4 time|hours|money|effort
workaround|workarounds|work-around
work around it|that|this|the
end|ends|ended|ending up having|doing|going|losing|with|using|paying
forced to
too|so|really|very|quite|pretty hard|difficult|complicated|complex|slow|expensive|limited
extremely|super|overly|still|rather hard|difficult|complicated|complex|slow|expensive|limited
too|so|really|very|quite|pretty|extremely|super|overly|still|rather rigid|tricky|cluttered|noisy|messy|heavy|fragile
nasty|unpleasant|bad|ugly surprise|surprises
"""

_PAIN_FAIR = """
hard|difficult|tough|tricky|impossible|challenging|painful to|for
a pain|chore|mess|burden|disaster|nuisance|shame|bottleneck|struggle|gap
slow|slower|sluggish|slows
not|isn't|aren't|wasn't ..2 easy|intuitive|clear|obvious|straightforward|user|friendly
not|isn't|aren't|wasn't ..2 ideal|great|enough|transparent|reliable|mature
don't|didn't|doesn't like|understand|know how|why|whether|which|where|what|that
hate|hated|dislike|hates|sucks|terrible|horrible|awful|useless|worst|poor|disappointing|disappointed
the|our|my|a problem|issue|trouble|challenge|downside|difficulty|drawback|thing is|was|with|i|we|being|there|that
run|running|ran into|across
not enough information|detail|documentation|examples|visibility|context|support|space|time
lack|lacks|lacking of? a|an|any|the|good|proper|clear|documentation|visibility|support|ability|consistency
no|without|zero visibility|insight|idea|transparency|overview|auditing|control|history|documentation
too many|much
keeps|keep asking|breaking|changing|having|failing|getting|happening
breaking changes
incompatible|incompatibility|compatibility issues|issue|problem|problems
nobody|people|users|customers|everyone complain~|knows|understands|can find|know
wait|waiting|waits|waited for ..4 hours|days|weeks|months|someone|you|them
worried|worry|concerned|afraid|scared|risky|error prone|error-prone
have to go|open|click|switch|jump|call|email|ask|check|wait|scroll|guess|do|redo|re-enter|log|remember|use
inconvenient|inconvenience|bothers|bothersome|overwhelming|overwhelmed|time-consuming|expensive|costly|steep
time consuming
learning curve
"""

_PAIN_FAINT = """
problem|problems|issue|issues|challenge|challenges|difficulty|difficulties|concern|concerns|complaint|complaints
struggle|struggling|struggled
unfortunately|sadly
complicated|complex|limited|noisy|messy|fragile
have|had|having to
pull|collect|gather the information|data
mixed|mixture
still hasn't|haven't|isn't|not|waiting
maintain|maintaining
"""

ENGLISH = (
    (FeatureType.FEATURE_REQUEST, 0.85, _REQUEST_STRONG),
    (FeatureType.FEATURE_REQUEST, 0.6, _REQUEST_FAIR),
    (FeatureType.FEATURE_REQUEST, 0.3, _REQUEST_FAINT),
    (FeatureType.BUG_REPORT, 0.85, _BUG_STRONG),
    (FeatureType.BUG_REPORT, 0.6, _BUG_FAIR),
    (FeatureType.BUG_REPORT, 0.35, _BUG_FAINT),
    (FeatureType.PAIN_POINT, 0.8, _PAIN_STRONG),
    (FeatureType.PAIN_POINT, 0.6, _PAIN_FAIR),
    (FeatureType.PAIN_POINT, 0.35, _PAIN_FAINT),
)
