using System.Net;
using System.Net.Sockets;
using Harness.Io;

namespace Harness.Tests;

/// <summary>The example of the README: an echo server for one connection, with nothing but the public interface of the ring.</summary>
public sealed class RingExample
{
    // <example>
    private static long Echo(Socket listener)
    {
        const ulong Accept = 1, Receive = 2, Send = 3;
        using var ring = new Ring(new RingOptions { Entries = 64 });
        ring.Enable();                                          // From here on the ring is this thread's.
        Console.Error.WriteLine($"granted: {ring.Flags.ToNames()}");
        using var buffer = new NativeBuffer(4096);              // Memory that stays where it is.
        nint address = buffer.Whole.Address;
        ring.PrepareAccept((int)listener.Handle, acceptFlags: 0, multishot: false, Accept);
        int client = -1;
        long echoed = 0;
        while (ring.SubmitAndWait(minComplete: 1) >= 0)         // One system call: hand over what is prepared, wait for a completion.
        {
            while (ring.TryTake(out Cqe done))
            {
                if (done.UserData == Accept)
                    client = done.Result;
                else if (done.Result <= 0)                      // The end of the stream, or minus errno.
                {
                    ring.PrepareClose(client, userData: 0);
                    ring.Submit();
                    return echoed;
                }
                else if (done.UserData == Send)
                    echoed += done.Result;
                if (done.UserData == Receive)
                    ring.PrepareSend(client, address, (uint)done.Result, messageFlags: 0x100 /* MSG_WAITALL */, Send);
                else
                    ring.PrepareReceive(client, address, 4096, messageFlags: 0, Receive);
            }
        }
        return -1;
    }
    // </example>

    [SkippableFact]
    public async Task The_example_echoes_what_it_is_sent()
    {
        Skip.IfNot(RingProbe.TryRun(out _, out RingUnavailableException? reason), reason?.Message);
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Task<long> server = Task.Factory.StartNew(() => Echo(listener), TaskCreationOptions.LongRunning);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(listener.LocalEndPoint!);
        byte[] sent = Enumerable.Range(0, 10_000).Select(i => (byte)(i * 7)).ToArray();
        var received = new byte[sent.Length];
        client.Send(sent);
        for (int count = 0; count < received.Length;)
        {
            count += client.Receive(received, count, received.Length - count, SocketFlags.None);
        }

        client.Shutdown(SocketShutdown.Send);
        Assert.Equal(sent, received);
        Assert.Equal(sent.Length, await server);
    }
}
