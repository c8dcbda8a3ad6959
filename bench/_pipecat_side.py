"""Pipecat's telephone pipeline, one for each call, in a process of its own.

Run: PYTHON -m bench._pipecat_side PORT [vad], with a Python that has pipecat-ai and uvicorn.

As its examples do it: Twilio's media stream over a websocket, recording of both sides, and an
echo in the place of recognition and synthesis. What is recorded is neither sealed nor written.
"""

import asyncio
import sys

import uvicorn
from fastapi import FastAPI, WebSocket
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import Frame, InputAudioRawFrame, OutputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.audio.audio_buffer_processor import AudioBufferProcessor
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport

RATE = 8_000


class Echo(FrameProcessor):  # type: ignore[misc]
    """Says what it hears."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            said = OutputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels)
            await self.push_frame(said)
        await self.push_frame(frame, direction)


def application(*, vad: bool) -> FastAPI:
    app = FastAPI()

    @app.websocket("/")
    async def call(websocket: WebSocket) -> None:
        await websocket.accept()
        hang_up = TwilioFrameSerializer.InputParams(auto_hang_up=False)
        params = FastAPIWebsocketParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            serializer=TwilioFrameSerializer("stream", params=hang_up),
        )
        transport = FastAPIWebsocketTransport(websocket, params)
        detecting = [VADProcessor(vad_analyzer=SileroVADAnalyzer(sample_rate=RATE))] if vad else []
        recorder = AudioBufferProcessor(
            num_channels=2, buffer_size=2 * RATE, auto_start_recording=True
        )
        steps = [transport.input(), *detecting, Echo(), transport.output(), recorder]
        rates = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
        task = PipelineTask(Pipeline(steps), params=rates, cancel_on_idle_timeout=False)
        await PipelineRunner(handle_sigint=False).run(task)

    return app


def main() -> None:
    app = application(vad="vad" in sys.argv)
    config = uvicorn.Config(app, "127.0.0.1", int(sys.argv[1]), log_level="error")
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
