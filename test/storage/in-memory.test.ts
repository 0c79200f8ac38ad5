import { memoryStorage } from "../../lib/storage/in-memory.ts";
import { describeStorage } from "./storage-contract.ts";

describeStorage("memoryStorage()", memoryStorage);
