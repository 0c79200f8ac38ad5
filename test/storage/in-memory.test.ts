import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { describeStorage } from "./storage-contract.ts";

describeStorage("inMemoryStorage()", inMemoryStorage);
