import { describe } from 'vitest';
import { embeddedUnderContract, memoryUnderContract, mosquittoUnderContract, natsUnderContract } from './brokers-under-contract.ts';
import { busContract } from './bus-contract.ts';

describe('a bus over the broker in memory', { timeout: 60_000 }, () => {
  busContract(memoryUnderContract);
});
describe('a bus over the embedded broker', { timeout: 60_000 }, () => {
  busContract(embeddedUnderContract);
});
describe('a bus over Mosquitto', { timeout: 60_000 }, () => {
  busContract(mosquittoUnderContract);
});
describe('a bus over the MQTT of nats-server', { timeout: 60_000 }, () => {
  busContract(natsUnderContract);
});
