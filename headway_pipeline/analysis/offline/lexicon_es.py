"""The same as `lexicon.py` for Spanish, in its basic forms; accents may be missing in what was said."""

from headway_pipeline.model.features import FeatureType

__all__ = ["SPANISH"]

_REQUEST = """
sería|seria|estaría|estaria ..2 genial|bueno|ideal|útil|util|estupendo|perfecto|bien si|que|poder|tener
nos|me gustaría|gustaria|encantaría|encantaria que|poder|tener|ver|si|un|una
ojalá|ojala
hay|existe|habría|habria alguna|una|manera|forma manera|forma|opción|opcion|de
pueden|podrían|podrian|podría|podria|pueden|puedes ustedes? agregar|añadir|anadir|incluir|poner|hacer|mejorar
necesitamos|necesito|hace falta|haría falta|haria una|un|que|poder|más|mas|el|la|exportar|ver
falta|faltan una|un|la|el|opción|opcion
quisiera|quisiéramos|quisieramos|queremos poder|que|una|un|tener
deberían|deberian|debería|deberia poder|permitir|tener|haber|incluir
"""

_BUG = """
no funciona|carga|abre|guarda|responde|sincroniza|sirve|funcionan|cargan|funcionó|funciono
se cuelga|cae|bloquea|cierra|congela|traba|cuelgan|caen|borra|borran|pierde|pierden
da|dan|sale|muestra|arroja|tira|aparece un|el error|errores
dejó|dejo de funcionar|cargar|responder
error|errores al|cuando|de
perdimos|perdí|perdi|pierde|perdiendo ..2 datos|información|informacion|cambios
pantalla en? blanco|negra
"""

_PAIN = """
nos|me lleva|cuesta|toma|quita mucho|horas|demasiado|días|dias|tiempo|varias
a mano
manualmente
es|resulta|son muy|bastante|demasiado lento|lenta|difícil|dificil|complicado|complicada
es|resulta|son muy|bastante|demasiado confuso|confusa|tedioso|engorroso|engorrosa|frustrante
frustrante|engorroso|engorrosa|tedioso|tediosa|pesadilla
tenemos|tengo que ..5 cada|manualmente|mano|vez
perdemos|pierdo|perder mucho|tiempo|horas tiempo|horas|cada
el|nuestro|mayor|gran problema es|con
"""

SPANISH = (
    (FeatureType.FEATURE_REQUEST, 0.8, _REQUEST),
    (FeatureType.BUG_REPORT, 0.8, _BUG),
    (FeatureType.PAIN_POINT, 0.75, _PAIN),
)
