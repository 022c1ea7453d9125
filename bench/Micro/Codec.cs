using BenchmarkDotNet.Attributes;
using Harness.Nbd;

namespace Harness.Micro;

/// <summary>Requests and replies between fields and bytes: one message each.</summary>
public class Codec
{
    private const int Messages = 64;

    private readonly byte[] _requests = new byte[Messages * Requests.CompactSize];
    private readonly byte[] _replies = new byte[Messages * Replies.SimpleSize];

    [GlobalSetup]
    public void Setup()
    {
        WriteRequests();
        WriteReplies();
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public void WriteRequests()
    {
        for (int i = 0; i < Messages; i++)
        {
            Requests.WriteCompact(_requests.AsSpan(i * Requests.CompactSize), NbdCommandFlags.None, NbdCommand.Read, (ulong)i, (ulong)i << 12, 4096);
        }
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public ulong ParseRequests()
    {
        ulong sum = 0;
        for (int i = 0; i < Messages; i++)
        {
            Requests.ParseCompact(_requests.AsSpan(i * Requests.CompactSize), out NbdRequest request);
            sum += request.Offset;
        }

        return sum;
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public void WriteReplies()
    {
        for (int i = 0; i < Messages; i++)
        {
            Replies.WriteSimple(_replies.AsSpan(i * Replies.SimpleSize), NbdError.None, (ulong)i);
        }
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public ulong ParseReplies()
    {
        ulong sum = 0;
        for (int i = 0; i < Messages; i++)
        {
            Replies.TryReadSimple(_replies.AsSpan(i * Replies.SimpleSize), out _, out _, out ulong cookie);
            sum += cookie;
        }

        return sum;
    }
}
