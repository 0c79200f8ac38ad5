import { memoryStorage } from "../../lib/files/memory-storage.ts";
import { describeStorage } from "./storage-contract.ts";

describeStorage("memoryStorage()", memoryStorage);
