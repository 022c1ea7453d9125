using System.IO.Pipes;
using System.Net.Sockets;
using Harness.Io;
using Microsoft.Win32.SafeHandles;

namespace Harness.Tests;

/// <summary>What a loop under test watches.</summary>
internal enum LoopChannelKind
{
    /// <summary>One end of a pair of stream sockets.</summary>
    Socket,

    /// <summary>The end of a pipe that is read.</summary>
    PipeIn,

    /// <summary>The end of a pipe that is written.</summary>
    PipeOut,
}

/// <summary>A descriptor for the loop under test, and its peer.</summary>
internal sealed class LoopChannel
{
    /// <summary>What a pipe holds, see pipe(7): one write of this fills an empty one.</summary>
    private const int PipeBytes = 65536;

    private static readonly byte[] s_bytes = new byte[PipeBytes];

    private readonly Mover _near;
    private readonly Mover _far;
    private int _peer;

    public LoopChannel(LoopChannelKind kind)
    {
        (Fd, _peer) = kind == LoopChannelKind.Socket ? Sockets.Pair() : Pipe(kind);
        _near = MoverOf(kind, Fd, kind == LoopChannelKind.PipeIn);
        _far = MoverOf(kind, _peer, kind == LoopChannelKind.PipeOut);
    }

    /// <summary>Reads into a buffer or writes what is in it.</summary>
    private delegate int Mover(Span<byte> bytes, bool reads);

    public int Fd { get; }

    public void PeerWrite() => _far(s_bytes.AsSpan(0, 1), reads: false);

    public void PeerDrain() => Assert.Equal(PipeBytes, _far(s_bytes, reads: true));

    public void PeerShut() => Assert.Equal(0, Io.Native.Socket.shutdown(_peer, Io.Native.Socket.SHUT_WR));

    public void Read() => Assert.Equal(1, _near(s_bytes.AsSpan(0, 1), reads: true));

    public void Fill() => _near(s_bytes, reads: false);

    public void ClosePeer()
    {
        if (_peer >= 0)
        {
            Sockets.CloseUnused(_peer);
            _peer = -1;
        }
    }

    private static (int Fd, int Peer) Pipe(LoopChannelKind kind)
    {
        // The stream only makes the pipe; its handles must not close what they no longer own.
        var maker = new AnonymousPipeServerStream(PipeDirection.Out);
        int writer = (int)maker.SafePipeHandle.DangerousGetHandle();
        int reader = (int)maker.ClientSafePipeHandle.DangerousGetHandle();
        maker.SafePipeHandle.SetHandleAsInvalid();
        maker.ClientSafePipeHandle.SetHandleAsInvalid();
        maker.Dispose();
        return kind == LoopChannelKind.PipeIn ? (reader, writer) : (writer, reader);
    }

    // Neither object owns the descriptor, and no finalizer of theirs may touch a number that stands for something else by then.
    private static Mover MoverOf(LoopChannelKind kind, int fd, bool reads)
    {
        if (kind == LoopChannelKind.Socket)
        {
            var socket = new Socket(new SafeSocketHandle(fd, ownsHandle: false));
            GC.SuppressFinalize(socket);
            return (bytes, receives) => receives ? socket.Receive(bytes) : socket.Send(bytes);
        }

        var pipe = new AnonymousPipeClientStream(reads ? PipeDirection.In : PipeDirection.Out, new SafePipeHandle(fd, ownsHandle: false));
        GC.SuppressFinalize(pipe);
        return (bytes, receives) =>
        {
            if (receives)
            {
                return pipe.Read(bytes);
            }

            pipe.Write(bytes);
            return bytes.Length;
        };
    }
}
