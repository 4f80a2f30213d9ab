#!/usr/bin/env bash
# Builds a TensorRT engine for this very device. An engine runs on the GPU and the TensorRT that built
# it, and nowhere else: build it again after every upgrade of JetPack, and never copy it.
# predict.py does not need it: ONNX Runtime keeps engines of its own in engine_cache/.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"

trtexec=$(command -v trtexec || echo /usr/src/tensorrt/bin/trtexec)
if [ ! -x "$trtexec" ]; then
    echo "build_engine.sh: no trtexec; sudo apt install nvidia-jetpack" >&2
    exit 2
fi

model={{ name | quoted }}
engine={{ engine | quoted }}
echo "building $engine: minutes, mostly in silence" >&2
"$trtexec" --onnx="$model" --saveEngine="$engine.part"{{ " --fp16" if fp16 }} \
    --timingCacheFile=timing.cache >build_engine.log 2>&1 &
build=$!
trap 'kill "$build" 2>/dev/null || true' EXIT
seconds=0
while sleep 1 && kill -0 "$build" 2>/dev/null; do
    seconds=$((seconds + 1))
    [ $((seconds % 10)) != 0 ] || echo "still building, $seconds s" >&2
done
wait "$build" || {
    tail -n 20 build_engine.log >&2
    echo "build_engine.sh: trtexec failed; all of it is in build_engine.log" >&2
    exit 1
}
mv "$engine.part" "$engine"
echo "wrote $engine in $seconds s"
