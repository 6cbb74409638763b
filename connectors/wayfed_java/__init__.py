"""What engines in Java need: a Java, the machine's trust and jars, all without hands."""

from wayfed_java.jars import jars
from wayfed_java.runtime import java_home
from wayfed_java.telling import tell, telling
from wayfed_java.trust import trust_options

__all__ = ["jars", "java_home", "tell", "telling", "trust_options"]
