export { FaultProxy, type ProxyFaults } from './fault-proxy.ts';
