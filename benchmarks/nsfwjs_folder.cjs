// What nsfwjs itself takes for a folder: node nsfwjs_folder.cjs NODE_MODULES MODEL_FOLDER PICTURES
// WASM backend (SIMD). Pictures are decoded by sharp (libvips, native code), the fastest decoder on
// npm, and then go through nsfwjs's own classify. Loading and one warm-up are not counted.
const fs = require("node:fs");
const path = require("node:path");

const [modules, folder, pictures] = process.argv.slice(2).map((name) => path.resolve(name));
const load = (name) => require(require.resolve(name, { paths: [modules] }));

async function main() {
  const tf = load("@tensorflow/tfjs");
  const wasm = load("@tensorflow/tfjs-backend-wasm");
  const sharp = load("sharp");
  const nsfwjs = load("nsfwjs");
  wasm.setWasmPaths(path.join(modules, "@tensorflow/tfjs-backend-wasm/dist/"));
  await tf.setBackend("wasm");
  await tf.ready();

  const document = JSON.parse(fs.readFileSync(path.join(folder, "model.json")));
  const shards = document.weightsManifest.flatMap((group) => group.paths);
  const data = Buffer.concat(shards.map((name) => fs.readFileSync(path.join(folder, name))));
  const model = await nsfwjs.load({
    load: async () => ({
      modelTopology: document.modelTopology,
      weightSpecs: document.weightsManifest.flatMap((group) => group.weights),
      weightData: new Uint8Array(data).buffer,
      format: "layers-model",
    }),
  }, { size: 224 });

  const classify = async (name) => {
    const { data, info } = await sharp(path.join(pictures, name))
      .toColourspace("srgb").removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const picture = tf.tensor3d(new Int32Array(data), [info.height, info.width, 3], "int32");
    const found = await model.classify(picture, 5);
    picture.dispose();
    return Object.fromEntries(found.map((one) => [one.className, one.probability]));
  };
  const names = fs.readdirSync(pictures).sort();
  await classify(names[0]);
  const start = process.hrtime.bigint();
  const scores = {};
  for (const name of names) scores[name] = await classify(name);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  console.log(JSON.stringify({ backend: tf.getBackend(), pictures: names.length, seconds, scores }));
}

main();
