// Body of a function that chopsticks runs: RPC methods that a real node has and chopsticks lacks.
return {
  system_syncState: async (context) => {
    const height = context.chain.head.number
    return { startingBlock: 0, currentBlock: height, highestBlock: height }
  },
}
