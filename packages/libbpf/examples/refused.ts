import { BpfError, LibbpfMissingError, openObject, VerifierError } from "@pcmc/libbpf";

const [file = ""] = process.argv.slice(2);

try {
  using object = openObject(file);
  object.load();
} catch (error) {
  if (error instanceof VerifierError) console.log(`${error.program}: ${error.log}`);
  else if (error instanceof BpfError) console.log(`${error.operation}: ${error.code}, ${error.hint ?? "no hint"}`);
  else if (error instanceof LibbpfMissingError) console.log(error.message);
  else throw error;
}
