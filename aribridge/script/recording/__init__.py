"""Recordings of Asterisk's part in a script: what it sent, what the script asked of it, what it answered."""

from aribridge.script.recording.reader import Recording, read_recording
from aribridge.script.recording.recorder import Recorder, Tape
from aribridge.script.recording.tap import Tap

__all__ = ["Recorder", "Recording", "Tap", "Tape", "read_recording"]
